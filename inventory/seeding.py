"""Making whole datacenters: the demo, a big one for measuring, a lab of a class.

Rows are written in bulk, thousands per transaction, straight into the tables: at 40,000 VMs a service per VM would take
hours. The fleet is then built from the inventory by the next pump (there is no state yet, so it rebuilds).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from domain import morefs, resources
from domain.hardware import CPU_GENERATIONS, SERVER_MODELS, ServerModel
from domain.morefs import FolderKind, Kind
from domain.states import HostKind, SharesLevel, ToolsStatus, VmPower
from domain.vapps import Entity, StopAction
from inventory import ids
from inventory.hardware import FIRST_DISK_KEY, FIRST_NIC_KEY, new_mac
from inventory.journal import changing
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
    VCenter,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)
from inventory.services.containers import FIXED_FOLDERS, datacenter_of, new_compute
from inventory.services.hosts import hardware_of

GIB, TIB = 1024**3, 1024**4
HOSTS_PER_CLUSTER = 32
BATCH = 2_000
# (name, weight): what the VMs of the demo do (domain model of guest demand).
ARCHETYPES = (("idle", 25), ("web", 30), ("db", 15), ("batch", 10), ("vdi", 15), ("ci", 5))
# vCPU, memory (MiB), disk (GiB) of common sizes, with weights. 1.3 GiB per vCPU on hosts with 8 GiB per core: CPU is
# what this datacenter runs short of, so a day and a night can be seen in the number of hosts that it needs.
SIZES = (((1, 1024, 20), 30), ((2, 2048, 40), 35), ((2, 4096, 60), 15), ((4, 4096, 80), 14), ((4, 8192, 120), 6))
GUESTS = ("ubuntu64Guest", "rhel9_64Guest", "windows2019srvNext_64Guest", "debian12_64Guest", "windows11_64Guest")
Progress = Callable[[str, int, int], None]


def _silent(_what: str, _done: int, _total: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make. `models` are server models taken in turn; `powered_on_ratio` of the VMs run."""

    hosts: int = 8
    vms: int = 120
    seed: int = 1
    name: str = "vcenter-01.lab"
    datacenter: str = "Seoul-DC"
    models: tuple[str, ...] = ("lab-1u",)
    hosted: int = 1  # standalone hosts with a hosted (type 2) hypervisor
    powered_on_ratio: float = 0.9
    traces: Sequence[str] = field(default_factory=tuple)
    trace_scale: float = 1.0
    drs: bool = True
    dpm: bool = False
    shop: bool = False  # a vApp of three tiers, made of three of the VMs
    skew: float = 0.0  # 0 = VMs spread evenly over the hosts; 1 = the first hosts get far more


def make(vcenter: VCenter, plan: Plan, progress: Progress = _silent) -> None:
    """Fill an empty vCenter by the plan. The same plan and seed give the same inventory, uuids included."""
    rng = random.Random(plan.seed)
    clusters = _containers(vcenter, plan, rng)
    hosts = _hosts(vcenter, plan, clusters, rng, progress)
    _vms(vcenter, plan, hosts, rng, progress)
    if plan.shop:
        _shop(vcenter, clusters[0])
    _book_space(vcenter)


def new_vcenter(plan: Plan, **fields: Any) -> VCenter:
    """An empty vCenter with its root folder."""
    vcenter = VCenter.objects.create(name=plan.name, seed=plan.seed, **fields)
    Folder.objects.create(
        vcenter=vcenter, moref=morefs.ROOT_FOLDER, name="Datacenters", folder_kind=FolderKind.DATACENTER, fixed=True
    )
    return vcenter


def _uuid(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


# --- containers ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Site:
    """A cluster with what its hosts share."""

    cluster: Cluster
    root: ResourcePool
    pools: list[ResourcePool]
    datastores: list[Datastore]
    networks: list[Network]
    folders: list[Folder]


def _containers(vcenter: VCenter, plan: Plan, rng: random.Random) -> list[Site]:
    count = max(1, -(-plan.hosts // HOSTS_PER_CLUSTER))
    with changing(vcenter) as change:
        root = Folder.objects.get(vcenter=vcenter, parent__isnull=True, folder_kind=FolderKind.DATACENTER)
        moref = ids.new_moref(vcenter, Kind.DATACENTER)
        datacenter = Datacenter.objects.create(vcenter=vcenter, moref=moref, name=plan.datacenter, folder=root)
        fixed = {k: _fixed_folder(vcenter, datacenter, k) for k in FIXED_FOLDERS}
        networks = [_network(vcenter, fixed[FolderKind.NETWORK], *n) for n in _networks(rng)]
        folders = [_vm_folder(vcenter, fixed[FolderKind.VM], name) for name in ("Production", "Test", "Students")]
        sites = []
        for index in range(count):
            name = f"Cluster-{_letters(index)}"
            drs = {"drs_enabled": plan.drs, "drs_automation": "fullyAutomated", "ha_enabled": plan.drs}
            if plan.dpm:
                drs |= {"dpm_enabled": True, "dpm_automation": "automated"}
            cluster = new_compute(change, fixed[FolderKind.HOST], name, standalone=False, **drs)
            base = cluster.pools.get(parent__isnull=True)
            pools = [_pool(vcenter, cluster, base, *p) for p in (("Production", SharesLevel.HIGH), ("Test", "low"))]
            stores = [_datastore(vcenter, fixed[FolderKind.DATASTORE], name, n, plan, count, rng) for n in (1, 2)]
            sites.append(Site(cluster, base, pools, stores, networks, folders))
    return sites


def _letters(index: int) -> str:
    return chr(65 + index) if index < 26 else f"{chr(64 + index // 26)}{chr(65 + index % 26)}"


def _fixed_folder(vcenter: VCenter, datacenter: Datacenter, kind: FolderKind) -> Folder:
    moref = ids.new_moref(vcenter, Kind.FOLDER, kind)
    return Folder.objects.create(
        vcenter=vcenter, moref=moref, name=kind.value, folder_kind=kind, datacenter=datacenter, fixed=True
    )


def _vm_folder(vcenter: VCenter, parent: Folder, name: str) -> Folder:
    moref = ids.new_moref(vcenter, Kind.FOLDER, FolderKind.VM)
    return Folder.objects.create(
        vcenter=vcenter,
        moref=moref,
        name=name,
        folder_kind=FolderKind.VM,
        parent=parent,
        datacenter=parent.datacenter,
    )


def _networks(rng: random.Random) -> list[tuple[str, int, uuid.UUID]]:
    return [(name, vlan, _uuid(rng)) for name, vlan in (("VM Network", 0), ("Web", 110), ("Database", 120))]


def _network(vcenter: VCenter, folder: Folder, name: str, vlan: int, uuid_: uuid.UUID) -> Network:
    moref = ids.new_moref(vcenter, Kind.NETWORK)
    place = {"folder": folder, "datacenter": folder.datacenter}
    return Network.objects.create(vcenter=vcenter, moref=moref, name=name, vlan=vlan, uuid=uuid_, **place)


def _pool(
    vcenter: VCenter, cluster: Cluster, parent: ResourcePool, name: str, level: str, vapp: Folder | None = None
) -> ResourcePool:
    """A pool, or a vApp in that folder."""
    shares = SharesLevel(level)
    return ResourcePool.objects.create(
        vcenter=vcenter,
        moref=ids.new_moref(vcenter, Kind.VAPP if vapp else Kind.POOL),
        is_vapp=vapp is not None,
        folder=vapp,
        name=name,
        cluster=cluster,
        parent=parent,
        slot=ids.free_slot(vcenter, ResourcePool),
        cpu_shares_level=shares,
        cpu_shares=resources.pool_cpu_shares(shares),
        memory_shares_level=shares,
        memory_shares=resources.pool_memory_shares(shares),
    )


def _datastore(
    vcenter: VCenter, folder: Folder, cluster: str, number: int, plan: Plan, clusters: int, rng: random.Random
) -> Datastore:
    """Shared by the hosts of a cluster; sized so that the VMs fill about two thirds."""
    vms = plan.vms / clusters / 2
    return Datastore.objects.create(
        vcenter=vcenter,
        moref=ids.new_moref(vcenter, Kind.DATASTORE),
        name=f"{cluster.lower()}-ds{number}",
        uuid=_uuid(rng),
        folder=folder,
        datacenter=datacenter_of(folder),
        slot=ids.free_slot(vcenter, Datastore),
        capacity_bytes=min(64, max(4, round(vms * 60 / 1024 * 1.5))) * TIB,
        ssd=number == 1,
        iops_max=50_000 if number == 1 else 8_000,
    )


# --- hosts -----------------------------------------------------------------------------------------------------------
def _hosts(
    vcenter: VCenter, plan: Plan, sites: list[Site], rng: random.Random, progress: Progress
) -> list[tuple[Site, Host]]:
    placed = []
    with transaction.atomic():
        names = ids.new_morefs(vcenter, Kind.HOST, plan.hosts)
        for index, moref in enumerate(names):
            site = sites[index // HOSTS_PER_CLUSTER]
            server = SERVER_MODELS[plan.models[index % len(plan.models)]]
            placed.append((site, _host(vcenter, site.cluster, moref, index, server, HostKind.BARE_METAL, rng)))
        Host.objects.bulk_create([h for _site, h in placed], batch_size=BATCH)
        DatastoreMount.objects.bulk_create(
            [DatastoreMount(host=h, datastore=d) for s, h in placed for d in s.datastores], batch_size=BATCH
        )
        HostNetwork.objects.bulk_create(
            [HostNetwork(host=h, network=n) for s, h in placed for n in s.networks], batch_size=BATCH
        )
    for index in range(plan.hosted):
        _hosted_host(vcenter, sites[0], plan.hosts + index, rng)
    progress("hosts", plan.hosts, plan.hosts)
    return placed


def _host(
    vcenter: VCenter, cluster: Cluster, moref: str, index: int, server: ServerModel, kind: HostKind, rng: random.Random
) -> Host:
    name = f"esx-{index + 1:02d}.lab.local" if kind == HostKind.BARE_METAL else f"desk-{index + 1:02d}.lab.local"
    return Host(
        vcenter=vcenter,
        moref=moref,
        name=name,
        uuid=_uuid(rng),
        cluster=cluster,
        slot=index,
        host_kind=kind,
        bmc_address=f"10.0.{index // 250}.{index % 250 + 1}" if kind == HostKind.BARE_METAL else "",
        bmc_user="dpm" if kind == HostKind.BARE_METAL else "",
        bmc_mac=new_mac(_uuid(rng), index).replace("00:50:56", "3c:ec:ef"),
        **hardware_of(server),
    )


def _hosted_host(vcenter: VCenter, site: Site, index: int, rng: random.Random) -> None:
    """A desktop with a hosted hypervisor, beside the cluster: type 2, to compare."""
    with changing(vcenter) as change:
        server = SERVER_MODELS["desktop-8c"]
        folder = site.cluster.folder
        name = f"desk-{index + 1:02d}.lab.local"
        home = new_compute(change, folder, name, standalone=True)
        host = _host(vcenter, home, ids.new_moref(vcenter, Kind.HOST), index, server, HostKind.HOSTED, rng)
        host.save()
        store = Datastore.objects.create(
            vcenter=vcenter,
            moref=ids.new_moref(vcenter, Kind.DATASTORE),
            name=f"{name.split('.')[0]}-local",
            uuid=_uuid(rng),
            folder=site.datastores[0].folder,
            datacenter=site.datastores[0].datacenter,
            slot=ids.free_slot(vcenter, Datastore),
            capacity_bytes=1 * TIB,
            local=True,
            iops_max=20_000,
        )
        DatastoreMount.objects.create(host=host, datastore=store)
        HostNetwork.objects.bulk_create([HostNetwork(host=host, network=n) for n in site.networks])
        rows = [_vm_row(vcenter, Site(home, home.pools.get(), [], [store], site.networks, site.folders), host, rng, m)
                for m in _numbered(vcenter, 2, "desktop")]  # fmt: skip
        _insert(rows)


# --- virtual machines ------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Made:
    vm: VirtualMachine
    disk: VirtualDisk
    nic: VirtualNic


def _vms(vcenter: VCenter, plan: Plan, hosts: list[tuple[Site, Host]], rng: random.Random, progress: Progress) -> None:
    """The VMs in batches, each its own transaction."""
    weights = [1.0 + plan.skew * 4 * (i < len(hosts) / 4) for i in range(len(hosts))]
    taken = VirtualMachine.everything.filter(vcenter=vcenter).count()
    for start in range(0, plan.vms, BATCH):
        count = min(BATCH, plan.vms - start)
        with transaction.atomic():
            numbered = ids.new_morefs(vcenter, Kind.VM, count)
            chosen = rng.choices(hosts, weights, k=count) if plan.skew else [
                hosts[(start + i) % len(hosts)] for i in range(count)
            ]  # fmt: skip
            rows = [
                _planned_vm(vcenter, plan, *chosen[i], rng, (numbered[i], start + i, taken + start + i))
                for i in range(count)
            ]
            _insert(rows)
        progress("vms", start + count, plan.vms)


# What the tiers of the shop are made of, and in which order they start.
TIERS = (("shop-db", "db"), ("shop-app", "web"), ("shop-web", "web"))


def _shop(vcenter: VCenter, site: Site) -> None:
    """A vApp of three running VMs of a cluster: the database starts first, the web server stops first.

    A datacenter that is too small for it has none.
    """
    running = VirtualMachine.objects.filter(vcenter=vcenter, host__cluster=site.cluster, power_state=VmPower.ON)
    chosen: list[VirtualMachine] = []
    for _name, archetype in TIERS:
        rows = running.filter(archetype=archetype).exclude(pk__in=[vm.pk for vm in chosen])
        chosen += rows.order_by("-pk")[:1]
    if len(chosen) < len(TIERS):
        return
    vapp = _pool(vcenter, site.cluster, site.root, "Web shop", SharesLevel.NORMAL, vapp=site.folders[0])
    for group, ((name, _archetype), vm) in enumerate(zip(TIERS, chosen, strict=True), 1):
        vm.name, vm.pool, vm.folder = name, vapp, site.folders[0]
        vm.save(update_fields=["name", "pool", "folder"])
        entity = Entity(vm.moref, group, wait_for_tools=True, stop_action=StopAction.GUEST_SHUTDOWN)
        vapp.vapp_options.setdefault("entities", {})[vm.moref] = entity.settings()
    vapp.vapp_options["product"] = {
        "name": "Web shop", "version": "2.4", "vendor": "Example Commerce",
        "notes": "Database, application server, web server: each needs the one before it.",
    }  # fmt: skip
    vapp.save(update_fields=["vapp_options"])


def _numbered(vcenter: VCenter, count: int, prefix: str) -> Iterator[tuple[str, str, int]]:
    """(moref, name, slot) for `count` VMs."""
    first = VirtualMachine.everything.filter(vcenter=vcenter).count()
    for i, moref in enumerate(ids.new_morefs(vcenter, Kind.VM, count)):
        yield moref, f"{prefix}-{i + 1:03d}", first + i


def _planned_vm(
    vcenter: VCenter, plan: Plan, site: Site, host: Host, rng: random.Random, numbers: tuple[str, int, int]
) -> _Made:
    moref, index, slot = numbers
    archetype = rng.choices([a for a, _w in ARCHETYPES], [w for _a, w in ARCHETYPES])[0]
    name = f"{archetype}-{index + 1:0{max(3, len(str(plan.vms)))}d}"
    made = _vm_row(vcenter, site, host, rng, (moref, name, slot), archetype)
    vm = made.vm
    if plan.traces:
        vm.trace, vm.trace_scale = plan.traces[index % len(plan.traces)], plan.trace_scale
    if rng.random() > plan.powered_on_ratio:
        vm.power_state, vm.tools_status, vm.ip_address = VmPower.OFF, ToolsStatus.NOT_RUNNING, ""
    return made


def _vm_row(
    vcenter: VCenter,
    site: Site,
    host: Host,
    rng: random.Random,
    numbers: tuple[str, str, int],
    archetype: str = "vdi",
) -> _Made:
    moref, name, slot = numbers
    vcpus, memory_mib, disk_gib = rng.choices([s for s, _w in SIZES], [w for _s, w in SIZES])[0]
    own = _uuid(rng)
    vm = VirtualMachine(
        vcenter=vcenter,
        moref=moref,
        name=name,
        uuid=own,
        slot=slot,
        folder=rng.choices(site.folders, (5, 3, 2))[0],
        pool=rng.choices([site.root, *site.pools], (2, *(4 for _ in site.pools)))[0],
        host=host,
        power_state=VmPower.ON,
        tools_status=ToolsStatus.OK,
        vcpus=vcpus,
        memory_mib=memory_mib,
        boot_memory_mib=memory_mib,
        cpu_shares=resources.vm_cpu_shares(SharesLevel.NORMAL, vcpus),
        memory_shares=resources.vm_memory_shares(SharesLevel.NORMAL, memory_mib),
        guest_id=rng.choice(GUESTS),
        archetype=archetype,
        features_mask=CPU_GENERATIONS[host.cpu_generation].features,
    )
    datastore = rng.choice(site.datastores)
    capacity = disk_gib * GIB
    used = int(capacity * rng.uniform(0.3, 0.7))
    disk = VirtualDisk(vm=vm, key=FIRST_DISK_KEY, datastore=datastore, capacity_bytes=capacity, used_bytes=used)
    nic = VirtualNic(vm=vm, key=FIRST_NIC_KEY, network=rng.choice(site.networks), mac=new_mac(own, FIRST_NIC_KEY))
    return _Made(vm, disk, nic)


def _insert(rows: Sequence[_Made]) -> None:
    VirtualMachine.everything.bulk_create([r.vm for r in rows])
    VirtualDisk.objects.bulk_create([r.disk for r in rows])
    VirtualNic.objects.bulk_create([r.nic for r in rows])


def _book_space(vcenter: VCenter) -> None:
    """What the disks take and promise, per datastore."""
    from django.db.models import Sum

    for datastore in Datastore.objects.filter(vcenter=vcenter):
        sums = VirtualDisk.objects.filter(datastore=datastore).aggregate(Sum("capacity_bytes"), Sum("used_bytes"))
        datastore.provisioned_bytes = sums["capacity_bytes__sum"] or 0
        datastore.used_bytes = sums["used_bytes__sum"] or 0
        datastore.save(update_fields=["provisioned_bytes", "used_bytes"])
