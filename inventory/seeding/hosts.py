"""The hosts of a datacenter that is made, bare-metal ones in clusters and hosted ones that stand alone."""

import random

from django.db import transaction

from domain.hardware import SERVER_MODELS, ServerModel
from domain.morefs import Kind
from domain.states import HostKind
from inventory import ids
from inventory.hardware import new_mac
from inventory.journal import changing
from inventory.models import (
    Cluster,
    Datastore,
    DatastoreMount,
    Host,
    HostNetwork,
    VCenter,
)
from inventory.seeding.machines import insert, numbered, vm_row
from inventory.seeding.places import HOSTS_PER_CLUSTER
from inventory.seeding.plan import BATCH, Plan, Progress, Site, new_uuid
from inventory.services.containers import new_compute
from inventory.services.hosts import hardware_of

TIB = 1024**4


def make_hosts(
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
        uuid=new_uuid(rng),
        cluster=cluster,
        slot=index,
        host_kind=kind,
        bmc_address=f"10.0.{index // 250}.{index % 250 + 1}" if kind == HostKind.BARE_METAL else "",
        bmc_user="dpm" if kind == HostKind.BARE_METAL else "",
        bmc_mac=new_mac(new_uuid(rng), index).replace("00:50:56", "3c:ec:ef"),
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
            uuid=new_uuid(rng),
            folder=site.datastores[0].folder,
            datacenter=site.datastores[0].datacenter,
            slot=ids.free_slot(vcenter, Datastore),
            capacity_bytes=1 * TIB,
            local=True,
            iops_max=20_000,
        )
        DatastoreMount.objects.create(host=host, datastore=store)
        HostNetwork.objects.bulk_create([HostNetwork(host=host, network=n) for n in site.networks])
        rows = [vm_row(vcenter, Site(home, home.pools.get(), [], [store], site.networks, site.folders), host, rng, m)
                for m in numbered(vcenter, 2, "desktop")]  # fmt: skip
        insert(rows)
