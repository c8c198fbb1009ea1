"""The document of a vCenter or of one datacenter: names instead of references, everything in a fixed order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from domain.morefs import FolderKind
from inventory.exchange import alarms, autostart, vapps
from inventory.exchange.fields import told
from inventory.exchange.safe import FORMAT
from inventory.models import (
    AlarmDefinition,
    Cluster,
    CustomAttribute,
    CustomValue,
    Datacenter,
    Datastore,
    DatastoreMount,
    Folder,
    Host,
    HostNetwork,
    License,
    Network,
    Permission,
    ResourcePool,
    TagAssignment,
    TagCategory,
    VCenter,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)

Entry = dict[str, Any]
KINDS = (FolderKind.HOST, FolderKind.VM, FolderKind.DATASTORE, FolderKind.NETWORK)


@dataclass(frozen=True)
class Extra:
    """What another app knows of a cluster: `export(cluster, names)` and `build(cluster, value, builder, where)`.

    `names` gives the path of a VM (folders and name) and the name of a host for their references.
    """

    key: str
    export: Callable[[Cluster, dict[str, Any]], Any]
    build: Callable[[Cluster, Any, Any, str], None]


EXTRAS: dict[str, Extra] = {}


def of(vcenter: VCenter, datacenter: Datacenter | None = None) -> Entry:
    """The document; a fixed number of queries."""
    return _Writer(vcenter, datacenter).document()


class _Writer:
    def __init__(self, vcenter: VCenter, datacenter: Datacenter | None) -> None:
        self.vcenter, self.only = vcenter, datacenter
        self.folders = {f.pk: f for f in Folder.objects.filter(vcenter=vcenter)}
        self.pools = {p.pk: p for p in ResourcePool.objects.filter(vcenter=vcenter)}
        self.licenses = {one.pk: one for one in License.objects.filter(vcenter=vcenter)}
        self.labels = _labels(vcenter)
        self.hosts = _grouped(Host.objects.filter(vcenter=vcenter).order_by("name"), "cluster_id")
        self.vms = list(VirtualMachine.objects.filter(vcenter=vcenter, provisioning=False).select_related("host"))
        self.names: dict[str, Any] = {vm.moref: [*self.path(vm.folder_id), vm.name] for vm in self.vms}
        self.names |= {host.moref: host.name for group in self.hosts.values() for host in group}

    def path(self, folder_pk: int | None) -> list[str]:
        """Names of the folders from the fixed one (which is not named) down."""
        names: list[str] = []
        while folder_pk is not None and not self.folders[folder_pk].fixed:
            folder = self.folders[folder_pk]
            names.append(folder.name)
            folder_pk = folder.parent_id
        return names[::-1]

    def entry(self, row: Any, **more: Any) -> Entry:
        """Name, place, what differs from the defaults, labels; empty things are left out."""
        parts = {"name": row.name, **more, **told(row), **self.labels.get(row.moref, {})}
        return {key: value for key, value in parts.items() if value not in ([], {}, None)}

    def document(self) -> Entry:
        rows = [self.only] if self.only else list(Datacenter.objects.filter(vcenter=self.vcenter))
        ordered = sorted(rows, key=lambda one: (self.path(one.folder_id), one.name))
        head: Entry = {"format": FORMAT, "name": self.vcenter.name, "timezone": self.vcenter.timezone}
        head["seed"] = self.vcenter.seed
        if self.vcenter.trace_sets:
            head["trace_sets"] = list(self.vcenter.trace_sets)
        if self.only is None:
            head |= self.labels.get(self.vcenter.moref, {})
        head |= {key: value for key, value in self.vocabulary().items() if value}
        head["folders"] = self.folder_entries(None, FolderKind.DATACENTER)
        head["datacenters"] = [self.datacenter(one) for one in ordered]
        return {key: value for key, value in head.items() if value != []}

    def vocabulary(self) -> Entry:
        categories = TagCategory.objects.filter(vcenter=self.vcenter).prefetch_related("tags").order_by("name")
        tags = []
        for one in categories:
            listed = [
                {"name": t.name, "description": t.description} if t.description else {"name": t.name}
                for t in sorted(one.tags.all(), key=lambda t: t.name)
            ]
            tags.append({"name": one.name, **told(one), "tags": listed})
        rows = CustomAttribute.objects.filter(vcenter=self.vcenter).order_by("name")
        return {
            "licenses": [{"name": one.name, **told(one)} for one in self.licenses.values()],
            "tag_categories": tags,
            "attributes_defined": [{"name": a.name, **told(a)} for a in rows],
        }

    def folder_entries(self, datacenter_pk: int | None, kind: FolderKind) -> list[Entry]:
        mine = [
            f for f in self.folders.values()
            if f.datacenter_id == datacenter_pk and f.folder_kind == kind and not f.fixed
        ]  # fmt: skip
        found = [{"path": self.path(f.pk), **self.labels.get(f.moref, {})} for f in mine]
        return sorted(found, key=lambda entry: entry["path"])

    def datacenter(self, one: Datacenter) -> Entry:
        folders = {str(kind): entries for kind in KINDS if (entries := self.folder_entries(one.pk, kind))}
        networks = Network.objects.filter(datacenter=one).order_by("name")
        stores = Datastore.objects.filter(datacenter=one).order_by("name")
        clusters = list(Cluster.objects.filter(datacenter=one))
        clusters.sort(key=lambda cluster: (self.path(cluster.folder_id), cluster.name))
        inside = {cluster.pk for cluster in clusters}
        vms = [vm for vm in self.vms if vm.host.cluster_id in inside]
        vms.sort(key=lambda vm: (self.path(vm.folder_id), vm.name))
        devices = _devices(one)
        parts: Entry = {
            "name": one.name,
            "folder": self.path(one.folder_id),
            **self.labels.get(one.moref, {}),
            "folders": folders,
            "networks": [self.entry(n, folder=self.path(n.folder_id)) for n in networks],
            "datastores": [self.entry(d, folder=self.path(d.folder_id)) for d in stores],
            "clusters": [self.cluster(cluster) for cluster in clusters],
            "vms": [self.machine(vm, *devices) for vm in vms],
        }
        return {key: value for key, value in parts.items() if value not in ([], {})}

    def cluster(self, one: Cluster) -> Entry:
        stores = _names(DatastoreMount, "datastore", one)
        nets = _names(HostNetwork, "network", one)
        hosts = [
            self.entry(
                h,
                datastores=stores[h.pk],
                networks=nets[h.pk],
                license=self.license(h),
                autostart=autostart.told(h, self.names),
            )
            for h in self.hosts.get(one.pk, [])
        ]
        extras = {extra.key: extra.export(one, self.names) for extra in EXTRAS.values()}
        root = next(p for p in self.pools.values() if p.cluster_id == one.pk and p.parent_id is None)
        return self.entry(one, folder=self.path(one.folder_id)) | {
            key: value for key, value in {**extras, "pools": self.pool_entries(root), "hosts": hosts}.items() if value
        }

    def license(self, host: Host) -> str | None:
        return self.licenses[host.license_id].name if host.license_id else None

    def pool_entries(self, parent: ResourcePool) -> list[Entry]:
        children = sorted((p for p in self.pools.values() if p.parent_id == parent.pk), key=lambda p: p.name)
        return [self.entry(p, vapp=self.vapp(p), pools=self.pool_entries(p)) for p in children]

    def vapp(self, pool: ResourcePool) -> Entry | None:
        return vapps.told(pool, self.path(pool.folder_id), self.names, self.pools) if pool.is_vapp else None

    def machine(self, vm: VirtualMachine, disks: dict[int, list[Any]], nics: dict[int, list[Any]]) -> Entry:
        pool = []
        at = self.pools.get(vm.pool_id) if vm.pool_id else None
        while at is not None and at.parent_id is not None:
            pool.append(at.name)
            at = self.pools[at.parent_id]
        return self.entry(
            vm, folder=self.path(vm.folder_id), host=vm.host.name, pool=pool[::-1],
            disks=[{"datastore": d.datastore.name, **told(d)} for d in disks.get(vm.pk, [])],
            nics=[{**({"network": n.network.name} if n.network else {}), **told(n)} for n in nics.get(vm.pk, [])],
        )  # fmt: skip


def _grouped(rows: Iterable[Any], key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


def _devices(datacenter: Datacenter) -> tuple[dict[int, list[Any]], dict[int, list[Any]]]:
    inside = {"vm__host__cluster__datacenter": datacenter}
    disks = VirtualDisk.objects.filter(**inside).select_related("datastore").order_by("key")
    nics = VirtualNic.objects.filter(**inside).select_related("network").order_by("key")
    return _grouped(disks, "vm_id"), _grouped(nics, "vm_id")


def _names(through: Any, target: str, cluster: Cluster) -> dict[int, list[str]]:
    rows = through.objects.filter(host__cluster=cluster).order_by(f"{target}__name")
    found: dict[int, list[str]] = defaultdict(list)
    for host_pk, name in rows.values_list("host_id", f"{target}__name"):
        found[host_pk].append(name)
    return found


def _labels(vcenter: VCenter) -> dict[str, Entry]:
    """Tags, attributes, permissions and alarm definitions by the reference of what has them."""
    found: dict[str, Entry] = defaultdict(dict)
    tags = TagAssignment.objects.filter(vcenter=vcenter).select_related("tag__category")
    for one in sorted(tags, key=lambda a: (a.tag.category.name, a.tag.name)):
        found[one.entity].setdefault("tags", []).append([one.tag.category.name, one.tag.name])
    values = CustomValue.objects.filter(vcenter=vcenter).select_related("attribute").order_by("attribute__name")
    for value in values:
        found[value.entity].setdefault("attributes", {})[value.attribute.name] = value.value
    for entity, entries in _permissions(vcenter).items():
        found[entity]["permissions"] = entries
    for alarm in AlarmDefinition.objects.filter(vcenter=vcenter, system_name="").order_by("name"):
        found[alarm.entity].setdefault("alarms", []).append({"name": alarm.name, **alarms.told(alarm)})
    return found


def _permissions(vcenter: VCenter) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for one in Permission.objects.filter(vcenter=vcenter).select_related("user", "group", "role"):
        who = {"user": one.user.get_username()} if one.user else {"group": one.group.name if one.group else ""}
        entry = {**who, "role": one.role.name, **({} if one.propagate else {"propagate": False})}
        found[one.entity].append(entry)
    return {entity: sorted(entries, key=lambda e: sorted(e.items()).__repr__()) for entity, entries in found.items()}
