"""Dialogs and wizards: one class per question, found by the name in its address.

Other apps register theirs with `@dialog("name")` and add a menu entry with `inventory.actions.add`.
"""

from inventory.forms import (  # noqa: F401  they register their dialogs
    alarms,
    allocation,
    autostart,
    compute,
    copies,
    edit_vm,
    labels,
    licenses,
    network_moves,
    new_vm,
    places,
    schedules,
    simple,
    snapshots,
    storage,
    vapps,
    vmotion,
)
from inventory.forms.dialog import DIALOGS, Dialog, VersionedDialog, dialog
from inventory.forms.simple import question

__all__ = ["DIALOGS", "Dialog", "VersionedDialog", "dialog", "question"]
