"""VM Startup/Shutdown: whether a host does it, its machines with how they start and stop."""

from __future__ import annotations

from functools import cached_property

from domain.autostart import defaults_of, entities
from domain.states import ToolsStatus, VmPower
from domain.vapps import Entity, Seen
from inventory.models import Host, VirtualMachine


def on(host: Host) -> bool:
    """As in vSphere it is off in a cluster with vSphere HA, which restarts machines itself, whatever is stored."""
    return defaults_of(host.autostart).enabled and not host.cluster.ha_on


class Machines:
    """The machines of a host as members of a run (`sequences`). One query."""

    def __init__(self, host: Host, *, starting: bool) -> None:
        self.host, self._starting = host, starting

    @cached_property
    def members(self) -> dict[str, VirtualMachine]:
        """By reference, in the order of their names."""
        rows = VirtualMachine.objects.filter(host=self.host, template=False, provisioning=False)
        found = rows.select_related("vcenter", "folder", "pool__parent", "host__cluster").order_by("name", "pk")
        return {vm.moref: vm for vm in found}

    @property
    def entities(self) -> list[Entity]:
        """How they start, or stop, by group."""
        return entities(self.host.autostart, self.members, starting=self._starting)

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """What each is now."""
        return {moref: _seen(vm) for moref, vm in self.members.items()}


def _seen(vm: VirtualMachine) -> Seen:
    running = vm.power_state == VmPower.ON
    return Seen(frozenset({str(vm.power_state)}), running and vm.tools_status == ToolsStatus.OK)
