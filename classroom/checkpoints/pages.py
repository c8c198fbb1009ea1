"""Configure > Checkpoints of a vCenter, and the entry of its menu."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from classroom.checkpoints import dialogs, services
from classroom.models.checkpoints import Checkpoint
from inventory import actions
from inventory.actions import Action, registry
from inventory.pages.registry import CONFIGURE, VCENTER, section
from inventory.services.exchange import may_import

assert dialogs  # they register themselves

TAKE = Action(
    "take-checkpoint", _("Take Checkpoint…"), services.PRIVILEGE, "history", dialog="take-checkpoint"
)  # fmt: skip


@section(CONFIGURE, "checkpoints", _("Checkpoints"), [VCENTER], group="more", template="classroom/checkpoints.html")
def checkpoints(page: Any) -> dict[str, Any]:
    """The checkpoints of the vCenter, and where the lab stands among them."""
    rows = list(Checkpoint.objects.filter(vcenter=page.vc).order_by("lab_s", "id"))
    return {
        "rows": rows,
        "bytes": sum(row.size for row in rows),
        "may": services.PRIVILEGE in page.privileges,
        "may_copy": may_import(page.user),
        "room": services.MOST - len(rows),
    }


def register() -> None:
    """Add the entry to the menu of vCenters."""
    if not any(entry.key == TAKE.key for entry in registry.flat(registry.menu_of("vcenter"))):
        actions.add("vcenter", TAKE, after="new-folder")
