"""The containers of a datacenter that is made: folders, clusters, pools, datastores, networks."""

import random
import uuid

from domain import resources
from domain.morefs import FolderKind, Kind
from domain.states import SharesLevel
from inventory import ids
from inventory.journal import changing
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Network,
    ResourcePool,
    VCenter,
)
from inventory.seeding.plan import Plan, Site, new_uuid
from inventory.services.containers import FIXED_FOLDERS, datacenter_of, new_compute

TIB = 1024**4
HOSTS_PER_CLUSTER = 32


def make_containers(vcenter: VCenter, plan: Plan, rng: random.Random) -> list[Site]:
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
            pools = [pool(vcenter, cluster, base, *p) for p in (("Production", SharesLevel.HIGH), ("Test", "low"))]
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
    return [(name, vlan, new_uuid(rng)) for name, vlan in (("VM Network", 0), ("Web", 110), ("Database", 120))]


def _network(vcenter: VCenter, folder: Folder, name: str, vlan: int, uuid_: uuid.UUID) -> Network:
    moref = ids.new_moref(vcenter, Kind.NETWORK)
    place = {"folder": folder, "datacenter": folder.datacenter}
    return Network.objects.create(vcenter=vcenter, moref=moref, name=name, vlan=vlan, uuid=uuid_, **place)


def pool(
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
        uuid=new_uuid(rng),
        folder=folder,
        datacenter=datacenter_of(folder),
        slot=ids.free_slot(vcenter, Datastore),
        capacity_bytes=min(64, max(4, round(vms * 60 / 1024 * 1.5))) * TIB,
        ssd=number == 1,
        iops_max=50_000 if number == 1 else 8_000,
    )
