"""What of the differences to an inventory file can be done, what only if ticked, and what is left to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.exchange import compare, devices
from inventory.exchange.compare import ADD, CHANGE, REMOVE, Difference
from inventory.services import exchange_steps as steps

OF_VCENTER = ("alarm", "license")  # what lies in no datacenter; a file of one of several says nothing of it
MACHINES, DISKS = "machines", "disks"
TICKS = {
    MACHINES: gettext_lazy("Move machines that the file does not have to the recycle bin"),
    DISKS: gettext_lazy("Delete disks that the file does not have, with their files"),
}


@dataclass(frozen=True)
class Planned:
    """A difference, and whether it can be done: at once, or (`tick`) where the person ticks that. `hint` says more."""

    difference: Difference
    able: bool
    tick: str = ""
    hint: str = ""


class Look:
    """The running vCenter and the file side by side."""

    def __init__(self, running: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        self.now, self.then = dict(compare.flattened(running)), dict(compare.flattened(document))
        self.moved = compare.moves(self.now, self.then)
        self.sites = [path for kind, path in self.then if kind == "datacenter"]
        self.all_sites = all(key in self.then for key in self.now if key[0] == "datacenter")
        self.on = set(compare.powered_on(running))

    @cached_property
    def networks(self) -> set[tuple[tuple[str, ...], str]]:
        """Networks that come or go, by their datacenter."""
        return {(path[:-1], path[-1]) for kind, path in self.now.keys() ^ self.then.keys() if kind == "network"}

    @cached_property
    def clusters(self) -> dict[str, tuple[str, ...]]:
        """The cluster of every running host."""
        return {path[-1]: path[:-1] for kind, path in self.now if kind == "host"}

    def planned(self, one: Difference) -> Planned:
        if not steps.able(one) and not self._comes_along(one):
            return Planned(one, False, hint=_why_not(one))
        if one.op == REMOVE:
            return self._leaving(one)
        if one.kind == "vm" and one.op == CHANGE:
            return self._machine(one)
        if (one.kind, one.op) == ("vm", ADD):
            return Planned(one, True, hint=_arrival(self.then[one.kind, one.path]))
        return Planned(one, True)

    def _comes_along(self, one: Difference) -> bool:
        """A host's networks where all that differ come, or go, with the networks themselves."""
        if (one.op, one.kind, one.field) != (CHANGE, "host", "networks"):
            return False
        ours = {name for place, name in self.networks if place == one.path[: len(place)]}
        return set(one.before or ()) ^ set(one.after or ()) <= ours

    def _leaving(self, one: Difference) -> Planned:
        """A file of one datacenter says nothing of the others; no machine leaves unasked."""
        elsewhere = not any(one.path[: len(site)] == site for site in self.sites)
        if elsewhere and not (self.all_sites and one.kind in OF_VCENTER):
            return Planned(one, False, hint=_("the file does not have its datacenter"))
        running = [path for path in self._machines(one) if path in self.on]
        if running:
            return Planned(one, False, hint=_("power it off first: %(name)s") % {"name": running[0][-1]})
        return Planned(one, True, MACHINES if self._machines(one) else "")

    def _machines(self, one: Difference) -> list[tuple[str, ...]]:
        """The machines that leave with an object: itself, or what lies in it and nowhere else in the file."""
        if one.kind == "vm":
            return [one.path]
        leaving = [path for kind, path in self.now if kind == "vm" and self._leaves(path)]
        return [path for path in leaving if one.kind in ("folder", "pool") and self._inside(path, one)]

    def _leaves(self, path: tuple[str, ...]) -> bool:
        return ("vm", path) not in self.then and ("vm", path) not in self.moved

    def _inside(self, machine: tuple[str, ...], one: Difference) -> bool:
        fields = self.now["vm", machine]
        if one.kind == "folder":
            site = compare.site_of(machine, fields)
            home = (*site, "vm", *fields["folder"])
        elif self.now["pool", one.path].get("is_vapp"):  # machines of other pools move up when these go
            home = (*self.clusters.get(str(fields["host"]), ()), *fields["pool"])
        else:
            return False
        return bool(home[: len(one.path)] == one.path)

    def _machine(self, one: Difference) -> Planned:
        device = devices.split(one.field)
        if device is not None and device[0] == devices.DISK and one.after is None:
            return Planned(one, True, DISKS)
        if one.field == "pool" and self._other_cluster(one):
            return Planned(one, False, hint=_("it is a pool of another cluster; migrate the machine"))
        return Planned(one, True)

    def _other_cluster(self, one: Difference) -> bool:
        there = self.then.get(self.moved.get((one.kind, one.path), (one.kind, one.path)), {})
        here = self.clusters.get(str(self.now[one.kind, one.path]["host"]))
        return self.clusters.get(str(there.get("host"))) != here


def _why_not(one: Difference) -> str:
    device = devices.split(one.field) if one.kind == "vm" else None
    if device is not None:
        names = ", ".join(devices.why_not(device[0], one.before, one.after))
        return _("%(names)s of a device stays as it is") % {"names": names}
    if (one.kind, one.field) == ("vm", "host"):
        return _("the scheduler decides where it runs; or migrate it")
    return ""


def _arrival(told: Mapping[str, Any]) -> str:
    """What a new machine is, in one line."""
    kinds = [split[0] for name in told if (split := devices.split(name)) is not None]
    parts = {"cpus": told.get("vcpus"), "memory": told.get("memory_mib"), "host": told.get("host"),
             "disks": kinds.count(devices.DISK), "nics": kinds.count(devices.NIC)}  # fmt: skip
    return (
        _("%(cpus)s CPUs, %(memory)s MB, disks: %(disks)s, network adapters: %(nics)s, on %(host)s, powered off")
        % parts
    )
