"""Machines of an inventory file: those that are new in it are created, their devices come, grow and go.

A machine's host is not changed: where machines run is the scheduler's to decide, and Migrate is there for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import faults
from domain.morefs import FolderKind
from inventory import hardware
from inventory.exchange import devices, fields
from inventory.exchange.compare import Difference
from inventory.models import Datacenter, Datastore, Host, Network, VirtualMachine
from inventory.services import folders, provisioning, vms
from inventory.services.exchange_find import Finder
from inventory.services.exchange_steps import Kind, Step, add

FIELDS = hardware.FIELDS | {"pool", "folder"}
Entry = Mapping[str, Any]


def register() -> None:
    add("vm", Kind(
        Finder.machine, FIELDS, _create, _change,
        lambda step: vms.delete_from_disk(step.user, step.find.machine(step.path)),
        also=_device_can_change,
    ))  # fmt: skip


def _device_can_change(one: Difference) -> bool:
    named = devices.split(one.field)
    return named is not None and not devices.why_not(named[0], one.before, one.after)


# --- machines that come ----------------------------------------------------------------------------------------------
def _create(step: Step) -> None:
    """A machine with its devices, powered off: what runs is not the file's to say."""
    told, (datacenter, rest) = step.fields, step.find.site(step.path)
    host = _named(Host, told.get("host"), cluster__datacenter=datacenter)
    values = {name: told[name] for name in sorted(hardware.FIELDS & told.keys())
              if told[name] != fields.default(VirtualMachine, name)}  # fmt: skip
    _check_types(values)
    listed = _listed(datacenter, told)
    folder = step.find.below(datacenter, FolderKind.VM, rest[:-1])
    provisioning.create(
        step.user, folder=folder, pool=step.find.inside(host.cluster, tuple(told.get("pool") or ())), name=rest[-1],
        datastore=None, host=host, disks=listed[devices.DISK], nics=listed[devices.NIC],
        as_template=told.get("template") is True, **values,
    )  # fmt: skip


def _listed(datacenter: Datacenter, told: Entry) -> dict[str, list[dict[str, Any]]]:
    """All devices of a machine in the file, by kind and in the order of their numbers."""
    found: dict[str, list[dict[str, Any]]] = {devices.DISK: [], devices.NIC: []}
    named = [(split, value) for name, value in told.items() if (split := devices.split(name)) is not None]
    for (kind, key), value in sorted(named, key=lambda one: one[0]):
        found[kind].append(_new(datacenter, kind, key, value))
    return found


def _new(datacenter: Datacenter, kind: str, key: int, told: Entry) -> dict[str, Any]:
    values = {name: value for name, value in told.items() if value not in (None, "")}
    link, model = ("datastore", Datastore) if kind == devices.DISK else ("network", Network)
    if link in values:
        values[link] = _named(model, values[link], datacenter=datacenter).moref
    if not isinstance(values.get("label", ""), str) or len(values.get("label", "")) > LABEL_LENGTH:
        raise faults.InvalidArgument(property="label", reason="it has to be a text of 40 characters at most")
    return {**values, "key": key}


LABEL_LENGTH = 40


def _named(model: Any, name: Any, **where: Any) -> Any:
    found = model.objects.filter(**where, name=str(name)).first() if isinstance(name, str) else None
    if found is None:
        raise faults.NotFound(what=str(name) if name else model._meta.verbose_name)
    return found


def _check_types(values: Entry) -> None:
    for name, value in values.items():
        if not fields.of_its_type(VirtualMachine, name, value):
            raise faults.InvalidArgument(property=name, reason="a value has the wrong type")


# --- machines that change --------------------------------------------------------------------------------------------
def _change(step: Step) -> None:
    vm, changed = step.find.machine(step.path), step.settings
    datacenter = step.find.site(step.path)[0]
    if "folder" in changed:
        home = step.find.below(datacenter, FolderKind.VM, tuple(map(str, changed.pop("folder") or ())))
        folders.move(step.user, vm, home)
        vm.refresh_from_db()
    if "pool" in changed:
        vms.move_to_pool(step.user, vm, step.find.inside(vm.host.cluster, tuple(changed.pop("pool"))))
        vm.refresh_from_db()
    plain = {name: value for name, value in changed.items() if devices.split(name) is None}
    _check_types(plain)
    if wanted := plain | _device_changes(vm, datacenter, changed):
        vms.reconfigure(step.user, vm, wanted)


def _device_changes(vm: VirtualMachine, datacenter: Datacenter, changed: Entry) -> dict[str, Any]:
    """What `vms.reconfigure` takes, from devices as the file has them; None is one that the file does not have."""
    found: dict[str, dict[str, Any]] = {}
    have = {devices.DISK: set(vm.disks.values_list("key", flat=True)),
            devices.NIC: set(vm.nics.values_list("key", flat=True))}  # fmt: skip
    for name, told in changed.items():
        if (named := devices.split(name)) is None:
            continue
        kind, key = named
        group = found.setdefault(f"{kind}s", {})
        if told is None:
            group.setdefault("remove", []).append(key)
        elif key not in have[kind]:
            group.setdefault("add", []).append(_new(datacenter, kind, key, told))
        elif kind == devices.DISK:
            group.setdefault("grow", {})[key] = told["capacity_bytes"]
        else:
            group.setdefault("edit", {})[key] = _edited(datacenter, told)
    return found


def _edited(datacenter: Datacenter, told: Entry) -> dict[str, Any]:
    values = {name: told[name] for name in devices.EDITABLE[devices.NIC]}
    network = values["network"]
    return {**values, "network": _named(Network, network, datacenter=datacenter).moref if network else ""}
