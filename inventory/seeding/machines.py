"""The virtual machines of a datacenter that is made, and the vApp that some of them are."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from domain import resources
from domain.hardware import CPU_GENERATIONS
from domain.morefs import Kind
from domain.states import SharesLevel, ToolsStatus, VmPower
from domain.vapps import Entity, StopAction
from inventory import ids
from inventory.hardware import FIRST_DISK_KEY, FIRST_NIC_KEY, new_mac
from inventory.models import (
    Datastore,
    Host,
    VCenter,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)
from inventory.seeding.places import pool
from inventory.seeding.plan import BATCH, Plan, Progress, Site, new_uuid

GIB = 1024**3
# (name, weight): what the VMs of the demo do (domain model of guest demand).
ARCHETYPES = (("idle", 25), ("web", 30), ("db", 15), ("batch", 10), ("vdi", 15), ("ci", 5))
# vCPU, memory (MiB), disk (GiB) of common sizes, with weights. 1.3 GiB per vCPU on hosts with 8 GiB per core: CPU is
# what this datacenter runs short of, so a day and a night can be seen in the number of hosts that it needs.
SIZES = (((1, 1024, 20), 30), ((2, 2048, 40), 35), ((2, 4096, 60), 15), ((4, 4096, 80), 14), ((4, 8192, 120), 6))
GUESTS = ("ubuntu64Guest", "rhel9_64Guest", "windows2019srvNext_64Guest", "debian12_64Guest", "windows11_64Guest")


@dataclass(slots=True)
class _Made:
    vm: VirtualMachine
    disk: VirtualDisk
    nic: VirtualNic


def make_machines(
    vcenter: VCenter, plan: Plan, hosts: list[tuple[Site, Host]], rng: random.Random, progress: Progress
) -> None:
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
            insert(rows)
        progress("vms", start + count, plan.vms)


# What the tiers of the shop are made of, and in which order they start.
TIERS = (("shop-db", "db"), ("shop-app", "web"), ("shop-web", "web"))


def make_shop(vcenter: VCenter, site: Site) -> None:
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
    vapp = pool(vcenter, site.cluster, site.root, "Web shop", SharesLevel.NORMAL, vapp=site.folders[0])
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


def numbered(vcenter: VCenter, count: int, prefix: str) -> Iterator[tuple[str, str, int]]:
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
    made = vm_row(vcenter, site, host, rng, (moref, name, slot), archetype)
    vm = made.vm
    if plan.traces:
        vm.trace, vm.trace_scale = plan.traces[index % len(plan.traces)], plan.trace_scale
    if rng.random() > plan.powered_on_ratio:
        vm.power_state, vm.tools_status, vm.ip_address = VmPower.OFF, ToolsStatus.NOT_RUNNING, ""
    return made


def vm_row(
    vcenter: VCenter,
    site: Site,
    host: Host,
    rng: random.Random,
    numbers: tuple[str, str, int],
    archetype: str = "vdi",
) -> _Made:
    moref, name, slot = numbers
    vcpus, memory_mib, disk_gib = rng.choices([s for s, _w in SIZES], [w for _s, w in SIZES])[0]
    own = new_uuid(rng)
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


def insert(rows: Sequence[_Made]) -> None:
    VirtualMachine.everything.bulk_create([r.vm for r in rows])
    VirtualDisk.objects.bulk_create([r.disk for r in rows])
    VirtualNic.objects.bulk_create([r.nic for r in rows])


def book_space(vcenter: VCenter) -> None:
    """What the disks take and promise, per datastore."""
    from django.db.models import Sum

    for datastore in Datastore.objects.filter(vcenter=vcenter):
        sums = VirtualDisk.objects.filter(datastore=datastore).aggregate(Sum("capacity_bytes"), Sum("used_bytes"))
        datastore.provisioned_bytes = sums["capacity_bytes__sum"] or 0
        datastore.used_bytes = sums["used_bytes__sum"] or 0
        datastore.save(update_fields=["provisioned_bytes", "used_bytes"])
