"""What tells two documents apart: objects that one of them has alone, and fields that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory.exchange import vapps
from inventory.exchange.fields import STATE, full
from inventory.models import (
    Cluster,
    CustomAttribute,
    Datastore,
    Host,
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
        return said(self.before)

    @property
    def then(self) -> str:
        return said(self.after)


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


def differences(running: Entry, wanted: Entry) -> list[Difference]:
    """What would have to change for `running` to be `wanted`. State (power, space used) is not compared."""
    now, then = dict(flattened(running)), dict(flattened(wanted))
    found = [Difference(ADD, *key) for key in then.keys() - now.keys()]
    found += [Difference(REMOVE, *key) for key in now.keys() - then.keys()]
    for key in now.keys() & then.keys():
        for name in sorted(now[key].keys() | then[key].keys()):
            before, after = now[key].get(name), then[key].get(name)
            if before != after:
                found.append(Difference(CHANGE, *key, name, before, after))
    return sorted(found, key=lambda one: (ORDER.index(one.kind), one.path, one.op, one.field))


def flattened(document: Entry) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Every object of a document by kind and path, with all its fields."""
    for category in _entries(document, "tag_categories"):
        yield ("category", (_name(category),)), full(TagCategory, category)
        for tag in _entries(category, "tags"):
            yield ("tag", (_name(category), _name(tag))), {"description": tag.get("description") or ""}
    for attribute in _entries(document, "attributes_defined"):
        yield ("attribute", (_name(attribute),)), full(CustomAttribute, attribute)
    for site in _entries(document, "datacenters"):
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
        more = {key: sorted(_path(host, key)) for key in ("datastores", "networks")}
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
    disks = [{**_fields(VirtualDisk, d), "datastore": d.get("datastore")} for d in _entries(one, "disks")]
    nics = [{**_fields(VirtualNic, n), "network": n.get("network")} for n in _entries(one, "nics")]
    return _fields(VirtualMachine, one) | {
        "host": one.get("host"), "pool": list(_path(one, "pool")), "disks": disks, "nics": nics,
    }  # fmt: skip


def _fields(model: Any, one: Entry) -> dict[str, Any]:
    return {name: value for name, value in full(model, one).items() if name not in STATE} | _labels(one)


def _labels(one: Entry) -> dict[str, Any]:
    found = {key: one.get(key) or [] for key in ("tags", "permissions")}
    return found | {"attributes": one.get("attributes") or {}}


def _entries(parent: Entry, key: str) -> list[Entry]:
    value = parent.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _path(one: Entry, key: str) -> tuple[str, ...]:
    value = one.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _name(one: Entry) -> str:
    return str(one.get("name"))
