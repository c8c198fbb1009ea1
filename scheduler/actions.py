"""What the scheduler adds to the menus of virtual machines and hosts."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import StandbyMode, VmPower
from inventory import actions
from inventory.actions import Action, Confirm, Submenu, registry
from inventory.actions.rules import first, host_connected, host_running, vm_reachable
from inventory.models import VirtualMachine


def not_in_maintenance(host: Any) -> str | None:
    if host.in_maintenance:
        return _("The host is in maintenance mode.")
    return _("The host is entering maintenance mode.") if host.entering_maintenance else None


def in_maintenance(host: Any) -> str | None:
    return None if host.in_maintenance else _("The host is not in maintenance mode.")


def in_standby(host: Any) -> str | None:
    return None if host.standby_mode == StandbyMode.IN else _("The host is not in standby mode.")


def nothing_runs(host: Any) -> str | None:
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).count()
    return _("%(count)s virtual machines run on it. Migrate them first.") % {"count": running} if running else None


def _migrate(privilege: str, offered: Any) -> Action:
    return Action(
        "migrate", gettext_lazy("Migrate…"), privilege, "two-way-arrows", dialog="migrate",
        rule=vm_reachable, offered=offered, exclusive=True, shortcut="m",
        bulk=True, bulk_url="scheduler:migrate-many",
    )  # fmt: skip


MAINTENANCE = Submenu(
    "maintenance", gettext_lazy("Maintenance Mode"),
    (
        Action(
            "enter-maintenance", gettext_lazy("Enter Maintenance Mode…"), "Host.Config.Maintenance", "wrench",
            dialog="enter-maintenance", rule=first(host_connected, host_running, not_in_maintenance), exclusive=True,
        ),
        Action(
            "exit-maintenance", gettext_lazy("Exit Maintenance Mode"), "Host.Config.Maintenance", "success-standard",
            run="scheduler.services.maintenance.leave", rule=in_maintenance,
        ),
    ),
    "wrench",
)  # fmt: skip
ENTER_STANDBY = Action(
    "enter-standby", gettext_lazy("Enter Standby Mode"), "Host.Config.Power", "moon",
    run="scheduler.services.standby.enter", rule=first(host_connected, host_running, nothing_runs), exclusive=True,
    confirm=Confirm(
        gettext_lazy("Send the host “%(name)s” to standby?"), gettext_lazy("Enter Standby Mode"), danger=False
    ),
)  # fmt: skip
EXIT_STANDBY = Action(
    "exit-standby", gettext_lazy("Power On (from Standby)"), "Host.Config.Power", "play",
    run="scheduler.services.standby.leave", rule=in_standby, exclusive=True,
)  # fmt: skip
POWER_MANAGEMENT = Action(
    "power-management", gettext_lazy("Power Management…"), "Host.Config.Power", "cog", dialog="host-power-management"
)
LAB = Submenu(
    "lab", gettext_lazy("Lab"),
    (Action("inject-fault", gettext_lazy("Inject Fault…"), "Lab.InjectFault", "bug", dialog="inject-fault"),),
    "bug",
)  # fmt: skip


FAILURE_RATES = Action(
    "failure-rates", gettext_lazy("Failure Rates…"), "Lab.InjectFault", "bug", dialog="failure-rates"
)


def register() -> None:
    """Add the entries to the menus that stand."""
    if any(entry.key == "migrate" for entry in registry.flat(registry.menu_of("vm"))):
        return
    actions.add("vm", _migrate("Resource.HotMigrate", lambda vm: vm.power_state == VmPower.ON), after="snapshots")
    actions.add("vm", _migrate("Resource.ColdMigrate", lambda vm: vm.power_state != VmPower.ON), after="snapshots")
    actions.add("host", MAINTENANCE, after="new-vapp")
    for kind in ("vm", "host", "datastore"):
        actions.add(kind, LAB)
    actions.add("vcenter", FAILURE_RATES)
    actions.add("host", ENTER_STANDBY, submenu="power")
    actions.add("host", EXIT_STANDBY, submenu="power")
    actions.add("host", POWER_MANAGEMENT, submenu="power")
