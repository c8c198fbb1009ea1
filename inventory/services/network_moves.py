"""Plugging the network adapters of many virtual machines into another network, machine by machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain import faults
from inventory.models import Network, Task, VirtualMachine, VirtualNic
from inventory.services import vms
from inventory.services.base import check


@dataclass(frozen=True)
class Moved:
    """What became of one machine: the task that reconfigures it (which can be undone), or its refusal."""

    vm: VirtualMachine
    task: Task | None = None
    fault: faults.MethodFault | None = None


def plug(user: Any, adapters: Iterable[VirtualNic], target: Network) -> list[Moved]:
    """Plug adapters into `target`, those of one machine together; a machine that refuses holds up no other.

    Raises:
        NoPermission: without the right to assign the target network.
    """
    check(user, "Network.Assign", target)
    keys: dict[VirtualMachine, list[int]] = {}
    for nic in adapters:
        keys.setdefault(nic.vm, []).append(nic.key)
    return [_plug(user, vm, some, target) for vm, some in keys.items()]


def _plug(user: Any, vm: VirtualMachine, keys: list[int], target: Network) -> Moved:
    try:
        edits = {key: {"network": target.moref} for key in keys}
        return Moved(vm, task=vms.reconfigure(user, vm, {"nics": {"edit": edits}}))
    except faults.MethodFault as fault:
        return Moved(vm, fault=fault)
