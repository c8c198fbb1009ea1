"""What can be done to datastores and networks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from inventory.actions.action import SEPARATOR, Confirm
from inventory.actions.common import ADD_PERMISSION, MIGRATE_TO_NETWORK, TAGS, delete, move_to, rename
from inventory.actions.registry import menu
from inventory.actions.rules import datastore_unused, network_unused

menu(
    "datastore",
    move_to("Datastore.Move"), rename("Datastore.Rename"), TAGS, ADD_PERMISSION, SEPARATOR,
    delete("Datastore.Delete", "datastores.destroy",
           Confirm(_("Delete the datastore “%(name)s” and all files on it?"), _("Delete")), datastore_unused),
)  # fmt: skip
menu(
    "network",
    MIGRATE_TO_NETWORK, SEPARATOR,
    move_to("Network.Move"), rename("Network.Config"), TAGS, ADD_PERMISSION, SEPARATOR,
    delete("Network.Delete", "networks.destroy",
           Confirm(_("Delete the port group “%(name)s” from all hosts?"), _("Delete")), network_unused),
)  # fmt: skip
