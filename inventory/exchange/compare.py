"""What tells two documents apart: objects that one of them has alone, and fields that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from domain.states import SharesLevel, VmPower
from inventory.exchange import autostart, devices, vapps
from inventory.exchange.fields import SHARES, STATE, full
from inventory.models import (
    AlarmDefinition,
    Cluster,
    CustomAttribute,
    Datastore,
    Host,
    License,
    Network,
    ResourcePool,
    TagCategory,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)

Entry = Mapping[str, Any]
Key = tuple[str, tuple[str, ...]]  # kind and path of names
ADD, REMOVE, CHANGE = "add", "remove", "change"
# What refers to something stands behind it.
KINDS = {
    "license": _("License"),
    "category": _("Tag category"),
    "tag": _("Tag"),
    "attribute": _("Custom attribute"),
    "datacenter": _("Datacenter"),
    "folder": _("Folder"),
    "network": _("Network"),
    "datastore": _("Datastore"),
    "cluster": _("Cluster"),
    "pool": _("Resource pool"),
    "host": _("Host"),
    "vm": _("Virtual machine"),
    "group": _("VM/Host group"),
    "rule": _("VM/Host rule"),
    "alarm": _("Alarm definition"),
}
ORDER = tuple(KINDS)


@dataclass(frozen=True)
class Difference:
    """`before` is the running vCenter's, `after` the file's. An object that comes or goes has no field."""

    op: str
    kind: str
    path: tuple[str, ...]
    field: str = ""
    before: Any = None
    after: Any = None

    @property
    def name(self) -> str:
        return " / ".join(self.path)

    @property
    def kind_label(self) -> str:
        return str(KINDS[self.kind])

    @property
    def now(self) -> str:
        return said(_differing(self.before, self.after))

    @property
    def then(self) -> str:
        return said(_differing(self.after, self.before))


def said(value: Any, inside: bool = False) -> str:
    """A value of a document in one line."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {said(one, True)}" for key, one in value.items())
        return f"{{{text}}}" if inside else text
    if isinstance(value, list | tuple):
        return (" / " if inside else ", ").join(said(one, True) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _differing(value: Any, other: Any) -> Any:
    """Of a mapping that stands on both sides only what is not the same."""
    if not isinstance(value, Mapping) or not isinstance(other, Mapping):
        return value
    return {key: one for key, one in value.items() if key not in other or other[key] != one}


def differences(running: Entry, wanted: Entry) -> list[Difference]:
    """What would have to change for `running` to be `wanted`. State (power, space used) is not compared.

    A machine that the file has in another folder of its datacenter has moved: its folder differs, and it is named by
    the place where it runs.
    """
    now, then = dict(flattened(running)), dict(flattened(wanted))
    moved = moves(now, then)
    found = [Difference(ADD, *key) for key in then.keys() - now.keys() - set(moved.values())]
    found += [Difference(REMOVE, *key) for key in now.keys() - then.keys() - set(moved)]
    for key, there in {**{key: key for key in now.keys() & then.keys()}, **moved}.items():
        found += [Difference(CHANGE, *key, *one) for one in _fields_apart(now[key], then[there])]
    return sorted(found, key=lambda one: (ORDER.index(one.kind), one.path, one.op, one.field))


def _fields_apart(now: Entry, then: Entry) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(now.keys() | then.keys()):
        if name in SHARES and then.get(f"{name}_level") != SharesLevel.CUSTOM:
            continue  # the level gives the number
        before, after = now.get(name), then.get(name)
        after = devices.settled(after, before) if devices.split(name) else after
        if before != after:
            yield name, before, after


def moves(now: Mapping[Key, Entry], then: Mapping[Key, Entry]) -> dict[Key, Key]:
    """Where in the file the machines are that have another folder there: the only one of that name in its datacenter
    that is nowhere on the other side."""
    gone, new = _alone(now, then), _alone(then, now)
    return {
        keys[0]: new[name][0] for name, keys in gone.items() if len(keys) == 1 and len(new.get(name, ())) == 1
    }  # fmt: skip


def _alone(mine: Mapping[Key, Entry], others: Mapping[Key, Entry]) -> dict[tuple[str, ...], list[Key]]:
    """The machines of one side that the other does not have, by datacenter and name."""
    found: dict[tuple[str, ...], list[Key]] = {}
    for key in mine.keys() - others.keys():
        if key[0] == "vm":
            found.setdefault((*site_of(key[1], mine[key]), key[1][-1]), []).append(key)
    return found


def site_of(path: tuple[str, ...], machine: Entry) -> tuple[str, ...]:
    """The folders and name of the datacenter that a machine is in."""
    return path[: len(path) - 1 - len(machine["folder"])]


def flattened(document: Entry) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Every object of a document by kind and path, with all its fields."""
    yield from _alarms("vcenter", (), _entries(document, "alarms"))
    for (kind, path), fields in _objects(document):
        yield from _alarms(kind, path, fields.pop("alarms", ()))
        yield (kind, path), fields


def _alarms(home: str, path: tuple[str, ...], listed: Any) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Alarm definitions stand below what they are defined on, which is of the kind `home`."""
    for one in listed:
        yield ("alarm", (*path, _name(one))), full(AlarmDefinition, one) | {"home": home}


def _objects(document: Entry) -> Iterator[tuple[Key, dict[str, Any]]]:
    for one in _entries(document, "licenses"):
        yield ("license", (_name(one),)), full(License, one)
    for category in _entries(document, "tag_categories"):
        yield ("category", (_name(category),)), full(TagCategory, category)
        for tag in _entries(category, "tags"):
            yield ("tag", (_name(category), _name(tag))), {"description": tag.get("description") or ""}
    for attribute in _entries(document, "attributes_defined"):
        yield ("attribute", (_name(attribute),)), full(CustomAttribute, attribute)
    for site in _entries(document, "datacenters"):
        yield from _site(site)


def _site(site: Entry) -> Iterator[tuple[Key, dict[str, Any]]]:
    here = (*_path(site, "folder"), _name(site))
    yield ("datacenter", here), _labels(site)
    folders = site.get("folders")
    folders = folders if isinstance(folders, Mapping) else {}
    for kind in folders:
        for folder in _entries(folders, kind):
            yield ("folder", (*here, str(kind), *_path(folder, "path"))), _labels(folder)
    for kind, key, model in (("network", "networks", Network), ("datastore", "datastores", Datastore)):
        for one in _entries(site, key):
            yield (kind, (*here, _name(one))), _fields(model, one) | {"folder": _path(one, "folder")}
    for one in _entries(site, "clusters"):
        yield from _cluster(here, one)
    for one in _entries(site, "vms"):
        yield ("vm", (*here, *_path(one, "folder"), _name(one))), _machine(one)


def _cluster(here: tuple[str, ...], one: Entry) -> Iterator[tuple[Key, dict[str, Any]]]:
    place = (*here, *_path(one, "folder"), _name(one))
    yield ("cluster", place), _fields(Cluster, one)
    yield from _pools(place, one)
    for host in _entries(one, "hosts"):
        more: dict[str, Any] = {key: sorted(_path(host, key)) for key in ("datastores", "networks")}
        more |= {"license": host.get("license"), "autostart": autostart.normal(host.get("autostart")) or None}
        yield ("host", (*place, _name(host))), _fields(Host, host) | more
    for kind, key in (("group", "drs_groups"), ("rule", "drs_rules")):
        for rule in _entries(one, key):
            yield (kind, (*place, _name(rule))), {k: v for k, v in rule.items() if k != "name"}


def _pools(place: tuple[str, ...], parent: Entry) -> Iterator[tuple[Key, dict[str, Any]]]:
    for one in _entries(parent, "pools"):
        here = (*place, _name(one))
        yield ("pool", here), _fields(ResourcePool, one) | {"vapp": vapps.normal(one.get("vapp")) or None}
        yield from _pools(here, one)


def _machine(one: Entry) -> dict[str, Any]:
    place = {"host": one.get("host"), "pool": list(_path(one, "pool")), "folder": list(_path(one, "folder"))}
    return _fields(VirtualMachine, one) | place | dict(_devices(one))


def _devices(one: Entry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every disk and adapter as a field of its own; its number is in the field's name."""
    for kind, key, model, link in (
        (devices.DISK, "disks", VirtualDisk, "datastore"),
        (devices.NIC, "nics", VirtualNic, "network"),
    ):
        for index, listed in enumerate(_entries(one, key)):
            entry = devices.numbered(kind, index, listed)
            values = {name: value for name, value in full(model, entry).items() if name not in {*STATE, "key"}}
            yield devices.field(kind, entry["key"]), {**values, link: listed.get(link)}


def _fields(model: Any, one: Entry) -> dict[str, Any]:
    return {name: value for name, value in full(model, one).items() if name not in STATE} | _labels(one)


def _labels(one: Entry) -> dict[str, Any]:
    found = {key: one.get(key) or [] for key in ("tags", "permissions")}
    return found | {"attributes": one.get("attributes") or {}, "alarms": _entries(one, "alarms")}


def _entries(parent: Entry, key: str) -> list[Entry]:
    value = parent.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _path(one: Entry, key: str) -> tuple[str, ...]:
    value = one.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _name(one: Entry) -> str:
    return str(one.get("name"))


def powered_on(document: Entry) -> Iterator[tuple[str, ...]]:
    """Paths of the machines that run, or are suspended."""
    for site in _entries(document, "datacenters"):
        for one in _entries(site, "vms"):
            if one.get("power_state", VmPower.OFF) != VmPower.OFF:
                yield (*_path(site, "folder"), _name(site), *_path(one, "folder"), _name(one))
