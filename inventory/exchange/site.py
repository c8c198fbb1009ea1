"""One datacenter of a document: folders, networks, datastores, clusters with pools and hosts, machines."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from domain import morefs
from domain.hardware import CPU_GENERATIONS, SERVER_MODELS
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.morefs import FolderKind, Kind
from domain.states import SharesLevel, ToolsStatus, VmPower
from inventory.exchange import autostart, describe, devices, vapps
from inventory.exchange.fields import FIELDS, SHARES
from inventory.hardware import FIRST_NIC_KEY, follow_levels, new_mac
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    DatastoreMount,
    Folder,
    Host,
    HostNetwork,
    Network,
    ResourcePool,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)

if TYPE_CHECKING:
    from inventory.exchange.build import Builder

VMS_MAX, HOSTS_MAX = 10_000, 1_000
Entry = Mapping[str, Any]
Path = tuple[str, ...]


class Site:
    """One datacenter of the document."""

    def __init__(self, builder: Builder, folder: Folder, name: str, entry: Entry, where: str) -> None:
        self.b, self.entry, self.where = builder, entry, where
        vcenter = builder.vcenter
        self.datacenter = Datacenter.objects.create(
            vcenter=vcenter, moref=builder.moref(morefs.PREFIX[Kind.DATACENTER]), name=name, folder=folder
        )
        self.networks: dict[str, Network] = {}
        self.stores: dict[str, Datastore] = {}
        self.pools: dict[int, dict[tuple[str, ...], ResourcePool]] = {}
        self.extras: list[tuple[Cluster, Entry, str]] = []
        self.vapps: list[tuple[ResourcePool, Path, Any, str]] = []
        self.startups: list[tuple[Host, Any, str]] = []

    def run(self) -> None:
        b, entry, where = self.b, self.entry, self.where
        b.known(entry, where, "name", "folder", "folders", "networks", "datastores", "clusters", "vms")
        b.label(self.datacenter.moref, entry, where)
        b.counts["datacenters"] += 1
        self.folders = {kind: self._folders(kind) for kind in describe.KINDS}
        for model, key, made in ((Network, "networks", self.networks), (Datastore, "datastores", self.stores)):
            self._shared(model, key, made)
        seen: set[Any] = set()
        for one, place in b.entries(entry, "clusters", where):
            self._cluster(one, place, seen)
        if not b.problems:
            Machines(self).run()
        for vapp, path, told, place in self.vapps if not b.problems else ():
            self._arrange(vapp, path, told, place)
        for host, told, place in self.startups if not b.problems else ():
            self._start(host, told, place)
        if not b.problems:
            for cluster, one, place in self.extras:
                for extra in describe.EXTRAS.values():
                    if extra.key in one:
                        extra.build(cluster, one[extra.key], b, f"{place}{extra.key}")
            self._book_space()

    def _folders(self, kind: FolderKind) -> dict[tuple[str, ...], Folder]:
        b = self.b
        root = Folder.objects.create(
            vcenter=b.vcenter, moref=b.moref(morefs.FOLDER_PREFIX[kind]), name=kind.value, folder_kind=kind,
            datacenter=self.datacenter, fixed=True,
        )  # fmt: skip
        listed = self.entry.get("folders") or {}
        if not isinstance(listed, Mapping) or listed.keys() - {str(k) for k in describe.KINDS}:
            b.say(
                f"{self.where}folders",
                _("a mapping is needed, with %(kinds)s") % {"kinds": ", ".join(describe.KINDS)},
            )
            return {(): root}
        return b.folders(listed, str(kind), f"{self.where}folders.", root, self.datacenter)

    def _shared(self, model: Any, key: str, made: dict[str, Any]) -> None:
        b = self.b
        folders = self.folders[FolderKind.NETWORK if model is Network else FolderKind.DATASTORE]
        prefix = morefs.PREFIX[model.KIND]
        for one, place in b.entries(self.entry, key, self.where):
            b.known(one, place, "name", "folder", *FIELDS[model])
            name = b.name(one, place)
            links = {"slot": b.slot(model)} if model is Datastore else {}
            row = b.row(
                model, one, place, vcenter=b.vcenter, moref=b.moref(prefix), name=name, datacenter=self.datacenter,
                folder=b.folder(folders, one, place), uuid=uuid.uuid4(), **links,
            )  # fmt: skip
            if name in made:
                b.say(f"{place}name", _("this name is there already"))
            if (
                model is Datastore
                and isinstance(row.capacity_bytes, int)
                and not (0 < row.capacity_bytes <= LIMITS.datastore_bytes)
            ):
                b.say(f"{place}capacity_bytes", _("1 byte to 64 TB"))
            made[name] = row
            b.label(row.moref, one, place)
            b.counts[key] += 1
        if not b.problems:
            model.objects.bulk_create(made.values(), batch_size=500)

    def _cluster(self, one: Entry, place: str, seen: set[Any]) -> None:
        b = self.b
        b.known(one, place, "name", "folder", "pools", "hosts", *describe.EXTRAS, *FIELDS[Cluster])
        name, folder = b.name(one, place), b.folder(self.folders[FolderKind.HOST], one, place)
        b.unique(seen, (folder.pk, name), place)
        kind = Kind.COMPUTE if one.get("standalone") else Kind.CLUSTER
        row = b.row(
            Cluster, one, place, vcenter=b.vcenter, moref=b.moref(morefs.PREFIX[kind]), name=name, folder=folder,
            datacenter=self.datacenter, slot=b.slot(Cluster),
        )  # fmt: skip
        if row.evc_mode and str(row.evc_mode) not in CPU_GENERATIONS:
            b.say(f"{place}evc_mode", _("is not known"))
        if b.problems:
            return
        row.save()
        b.label(row.moref, one, place)
        b.counts["clusters"] += not row.standalone
        root = self._pool({"name": "Resources", "cpu_shares": 4000, "memory_shares": 163_840}, place, row, None)
        self.pools[row.pk] = {(): root}
        self._pools(one, place, row, (), root)
        self._hosts(one, place, row)
        self.extras.append((row, one, place))

    def _pool(self, one: Entry, place: str, cluster: Cluster, parent: ResourcePool | None) -> ResourcePool:
        b = self.b
        row: ResourcePool = b.row(
            ResourcePool, one, place, vcenter=b.vcenter,
            moref=b.moref(morefs.PREFIX[Kind.VAPP if one.get("is_vapp") is True else Kind.POOL]),
            name=b.name(one, place), cluster=cluster, parent=parent, slot=b.slot(ResourcePool), uuid=uuid.uuid4(),
        )  # fmt: skip
        _settle_shares(b, row, place, LIMITS.shares * 4)
        if not b.problems:
            row.save()
        b.label(row.moref, one, place)
        return row

    def _pools(self, one: Entry, place: str, cluster: Cluster, path: tuple[str, ...], parent: ResourcePool) -> None:
        b = self.b
        for entry, where in b.entries(one, "pools", place, LIMITS.children_per_pool):
            b.known(entry, where, "name", "pools", "vapp", *FIELDS[ResourcePool])
            here = (*path, str(entry.get("name")))
            if here in self.pools[cluster.pk] or len(here) > LIMITS.pool_depth:
                b.say(f"{where}name", _("this name is there already, or the pools are nested too deep"))
            if b.problems:
                return
            row = self._pool(entry, where, cluster, parent)
            self.pools[cluster.pk][here] = row
            b.counts["pools"] += 1
            if row.is_vapp:
                self.vapps.append((row, here, entry.get("vapp") or {}, f"{where}vapp"))
            self._pools(entry, where, cluster, here, row)

    def _arrange(self, vapp: ResourcePool, path: Path, told: Any, place: str) -> None:
        """Give a vApp its folder, its order and its product, now that its members are there."""
        b, pools = self.b, self.pools[vapp.cluster_id]

        def member(kind: str, names: Path) -> str | None:
            row: Any = pools.get((*path, *names)) if kind == "vapp" else b.machines.get((self.datacenter.pk, names))
            return row.moref if row is not None else None

        say = partial(_say_inside, b, place)
        vapp.vapp_options = vapps.options_of(told, member, say)
        if isinstance(told, Mapping):
            vapp.folder = b.folder(self.folders[FolderKind.VM], told, f"{place}.")
        if not b.problems:
            vapp.save(update_fields=["vapp_options", "folder"])

    def _hosts(self, one: Entry, place: str, cluster: Cluster) -> None:
        b, mounts, ports = self.b, [], []
        fresh: list[Host] = []
        for entry, where in b.entries(one, "hosts", place, LIMITS.hosts_per_cluster):
            b.known(entry, where, "name", "datastores", "networks", "license", "autostart", *FIELDS[Host])
            name = b.name(entry, where)
            if name in b.hosts or len(b.hosts) >= HOSTS_MAX:
                b.say(
                    f"{where}name",
                    _("this name is there already, or there are more than %(limit)s hosts") % {"limit": HOSTS_MAX},
                )
            host = b.row(
                Host, entry, where, vcenter=b.vcenter, moref=b.moref(morefs.PREFIX[Kind.HOST]), name=name,
                cluster=cluster, slot=b.slot(Host), uuid=uuid.uuid4(),
            )  # fmt: skip
            _check_host(b, host, where)
            host.license = b.licenses.of(b, host, entry, where)
            b.hosts[name] = host
            fresh.append(host)
            if entry.get("autostart"):
                self.startups.append((host, entry["autostart"], f"{where}autostart"))
            b.label(host.moref, entry, where)
            b.counts["hosts"] += 1
            mounts += [DatastoreMount(host=host, datastore=d) for d in self._named(entry, where, "datastores")]
            ports += [HostNetwork(host=host, network=n) for n in self._named(entry, where, "networks")]
        if cluster.standalone and len(fresh) != 1:
            b.say(f"{place}hosts", _("a standalone host is exactly one"))
        if not b.problems:
            Host.objects.bulk_create(fresh)
            DatastoreMount.objects.bulk_create(mounts, batch_size=500)
            HostNetwork.objects.bulk_create(ports, batch_size=500)

    def _start(self, host: Host, told: Any, place: str) -> None:
        """Give a host what it starts and stops with itself, now that its machines are there."""

        def machine(names: Path) -> str | None:
            row = self.b.machines.get((self.datacenter.pk, names))
            return row.moref if row is not None else None

        host.autostart = autostart.stored_of(told, machine, partial(_say_inside, self.b, place))
        if not self.b.problems:
            host.save(update_fields=["autostart"])

    def _named(self, entry: Entry, where: str, key: str) -> list[Any]:
        made: Mapping[str, Any] = self.stores if key == "datastores" else self.networks
        names = dict.fromkeys(self.b.path(entry, key, where))
        for name in names:
            if name not in made:
                self.b.say(f"{where}{key}", _("there is no %(name)s in this datacenter") % {"name": name})
        return [made[name] for name in names if name in made]

    def _book_space(self) -> None:
        for store in self.stores.values():
            sums = VirtualDisk.objects.filter(datastore=store).aggregate(Sum("capacity_bytes"), Sum("used_bytes"))
            store.provisioned_bytes = sums["capacity_bytes__sum"] or 0
            store.used_bytes = sums["used_bytes__sum"] or 0
            store.save(update_fields=["provisioned_bytes", "used_bytes"])


class Machines:
    """The VMs of one datacenter with their devices."""

    def __init__(self, site: Site) -> None:
        self.site, self.b = site, site.b
        self.disks: list[VirtualDisk] = []
        self.nics: list[VirtualNic] = []

    def run(self) -> None:
        b = self.b
        fresh = [
            self._machine(one, where) for one, where in b.entries(self.site.entry, "vms", self.site.where, VMS_MAX)
        ]
        if b.problems:
            return
        VirtualMachine.everything.bulk_create([vm for vm in fresh if vm], batch_size=500)
        VirtualDisk.objects.bulk_create(self.disks, batch_size=500)
        VirtualNic.objects.bulk_create(self.nics, batch_size=500)

    def _machine(self, one: Entry, where: str) -> VirtualMachine | None:
        b, site = self.b, self.site
        b.known(one, where, "name", "folder", "host", "pool", "disks", "nics", *FIELDS[VirtualMachine])
        name, folder = b.name(one, where), b.folder(site.folders[FolderKind.VM], one, where)
        host = b.hosts.get(str(one.get("host")))
        if host is None or host.cluster.datacenter_id != site.datacenter.pk:
            b.say(
                f"{where}host",
                _("there is no host %(name)s in this datacenter") % {"name": one.get("host")},
            )
            return None
        pool = site.pools[host.cluster_id].get(b.path(one, "pool", where))
        if pool is None:
            b.say(f"{where}pool", _("there is no such resource pool in the cluster of its host"))
        template = one.get("template") is True
        vm: VirtualMachine = b.row(
            VirtualMachine, one, where, vcenter=b.vcenter, moref=b.moref(morefs.PREFIX[Kind.VM]), name=name,
            folder=folder, host=host, pool=None if template else pool, slot=b.slot(VirtualMachine), uuid=uuid.uuid4(),
        )  # fmt: skip
        path = (*b.path(one, "folder", where), name)
        if (site.datacenter.pk, path) in b.machines:
            b.say(f"{where}name", _("this name is there already"))
        b.machines[site.datacenter.pk, path] = vm
        _check_vm(b, vm, where)
        b.label(vm.moref, one, where)
        b.counts["templates" if template else "vms"] += 1
        self._devices(vm, one, where)
        return vm

    def _devices(self, vm: VirtualMachine, one: Entry, where: str) -> None:
        b, site = self.b, self.site
        disks: list[VirtualDisk] = []
        nics: list[VirtualNic] = []
        for index, (disk, place) in enumerate(b.entries(one, "disks", where, LIMITS.disks_per_vm)):
            b.known(disk, place, "datastore", *FIELDS[VirtualDisk])
            store = site.stores.get(str(disk.get("datastore")))
            if store is None:
                b.say(
                    f"{place}datastore",
                    _("there is no %(name)s in this datacenter") % {"name": disk.get("datastore")},
                )
                continue
            row = b.row(VirtualDisk, devices.numbered(devices.DISK, index, disk), place, vm=vm, datastore=store)
            sizes = (row.capacity_bytes, row.used_bytes)
            if all(isinstance(s, int) for s in sizes) and not 0 <= sizes[1] <= sizes[0] <= LIMITS.disk_bytes:
                b.say(f"{place}capacity_bytes", _("more than is used, and 62 TB at most"))
            disks.append(row)
        for index, (nic, place) in enumerate(b.entries(one, "nics", where, LIMITS.nics_per_vm)):
            b.known(nic, place, "network", *FIELDS[VirtualNic])
            network = site.networks.get(str(nic.get("network"))) if "network" in nic else None
            if network is None and "network" in nic:
                b.say(
                    f"{place}network",
                    _("there is no %(name)s in this datacenter") % {"name": nic.get("network")},
                )
            told = devices.numbered(devices.NIC, index, nic)
            told = {"mac": new_mac(vm.uuid, FIRST_NIC_KEY + index), **told}
            nics.append(b.row(VirtualNic, told, place, vm=vm, network=network))
        for key, rows in (("disks", disks), ("nics", nics)):
            if devices.twice(row.key for row in rows):
                b.say(f"{where}{key}", _("two devices have the same number"))
        self.disks += disks
        self.nics += nics


def _say_inside(b: Builder, place: str, where: str, text: str) -> None:
    b.say(f"{place}.{where}" if where else place, text)


def _settle_shares(b: Builder, row: Any, where: str, most: int) -> None:
    """Check limits and shares; a level says how many shares it is, a custom figure has to lie in 1 … `most`."""
    for name in SHARES:
        level = getattr(row, f"{name}_level")
        if str(level) not in set(SharesLevel):
            b.say(f"{where}{name}_level", _("one of %(choices)s") % {"choices": ", ".join(SharesLevel)})
        elif level == SharesLevel.CUSTOM:
            _within(b, row, where, name, 1, 2**31 - 1 if name == "memory_shares" else most)
    for name in ("cpu_limit_mhz", "memory_limit_mib"):
        if isinstance(getattr(row, name), int) and getattr(row, name) < -1:
            b.say(f"{where}{name}", _("-1 (unlimited) or more"))
    if not b.problems:
        follow_levels(row)


def _check_host(b: Builder, host: Host, where: str) -> None:
    if str(host.model) not in SERVER_MODELS:
        b.say(f"{where}model", _("is not known"))
    if str(host.cpu_generation) not in CPU_GENERATIONS:
        b.say(f"{where}cpu_generation", _("is not known"))
    _within(b, host, where, "cores", 1, LIMITS.logical_cpus_per_host)
    _within(b, host, where, "threads", 1, LIMITS.logical_cpus_per_host)
    _within(b, host, where, "core_mhz", 100, 10_000)
    _within(b, host, where, "memory_mib", 1024, LIMITS.memory_mib_per_host)
    if not isinstance(host.nic_mbps, list) or not all(isinstance(s, int) and 0 < s <= 400_000 for s in host.nic_mbps):
        b.say(f"{where}nic_mbps", _("a list of speeds in Mbit/s is needed"))


def _check_vm(b: Builder, vm: VirtualMachine, where: str) -> None:
    _within(b, vm, where, "vcpus", 1, LIMITS.vcpus_per_vm)
    _within(b, vm, where, "cores_per_socket", 1, LIMITS.cores_per_socket)
    _within(b, vm, where, "memory_mib", 4, LIMITS.memory_mib_per_vm)
    _settle_shares(b, vm, where, LIMITS.shares)
    if vm.template and vm.power_state != VmPower.OFF:
        b.say(f"{where}power_state", _("a template is powered off"))
    vm.boot_memory_mib = vm.memory_mib
    generation = CPU_GENERATIONS.get(str(vm.host.cpu_generation))
    if vm.power_state == VmPower.ON:
        vm.tools_status = ToolsStatus.OK if vm.tools_installed else ToolsStatus.NOT_RUNNING
        vm.features_mask = generation.features if generation else 0


def _within(b: Builder, row: Any, where: str, name: str, low: int, high: int) -> None:
    value = getattr(row, name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        b.say(f"{where}{name}", _("a whole number from %(low)s to %(high)s is needed") % {"low": low, "high": high})
