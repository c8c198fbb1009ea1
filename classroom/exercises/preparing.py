"""The start of an exercise: what a lesson needs is put into the lab at once, in the name of the system.

`start` of a lesson: `needs` (hosts: so many in the first cluster, hosted: true), `cluster` (settings), `vms` (name,
host, and fields of the model; `power: off`, `hog: cpu|memory`, `follows_day: true`), `pools`, `rules`, `acts`, `speed`
of the clock, `day` (see `days`).
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Mapping
from typing import Any

from django.db.models import F

from classroom.exercises import days
from classroom.exercises.acts import GIB, Act, Stage, play
from classroom.exercises.lessons import Lesson
from domain import faults
from domain.hardware import CPU_GENERATIONS
from domain.morefs import Kind
from domain.specs import to_plain
from domain.states import ToolsStatus, VmPower
from hypervisors.port import Command, Config
from inventory import ids, slots, specs
from inventory.hardware import FIRST_DISK_KEY, FIRST_NIC_KEY, follow_levels, new_mac
from inventory.journal import Change, changing
from inventory.models import Datastore, ResourcePool, VCenter, VirtualDisk, VirtualMachine, VirtualNic

OWN_KEYS = ("name", "host", "pool", "power", "hog", "disk_gib", "follows_day")


def prepare(lesson: Lesson, vcenter: VCenter) -> None:
    """Bring the lab to the lesson's start.

    Raises:
        InvalidState: the lab is too small, or was prepared for this lesson before.
    """
    stage, start = Stage(None, vcenter), lesson.start
    _fits(lesson, stage)
    for pool in start.get("pools", ()):
        play(Act("pool", pool), None, vcenter)
    if "cluster" in start:
        play(Act("cluster", start["cluster"]), None, vcenter)
    replay = days.begin(lesson.day, vcenter) if lesson.day is not None else None
    with changing(vcenter) as change:
        for wanted in start.get("vms", ()):
            register(change, stage, _living(wanted, replay), size_bytes=int(wanted.get("disk_gib", 16)) * GIB)
    for rule in start.get("rules", ()):
        play(Act("rule", rule), None, vcenter)
    for one in start.get("acts", ()):
        (verb, args), *_none = one.items()
        play(Act(verb, args), None, vcenter)
    if "speed" in start and vcenter.clock_speed:
        play(Act("clock", {"speed": start["speed"]}), None, vcenter)


def _living(wanted: Mapping[str, Any], replay: days.Replay | None) -> Mapping[str, Any]:
    """A machine that follows the day of the lesson, with the trace that it then replays."""
    if replay is None or not wanted.get("follows_day"):
        return wanted
    return {**wanted, "trace": replay.trace, "trace_offset_s": replay.offset_s}


def _fits(lesson: Lesson, stage: Stage) -> None:
    needs = lesson.start.get("needs", {})
    if f"host{needs.get('hosts', 1)}" not in stage.aliases:
        raise faults.InvalidState(name=stage.vcenter.name, reason="this exercise needs more hosts in the first cluster")
    if needs.get("hosted") and "hosted" not in stage.aliases:
        raise faults.InvalidState(name=stage.vcenter.name, reason="this exercise needs a host with a type 2 hypervisor")
    names = [one["name"] for one in lesson.start.get("vms", ())]
    if VirtualMachine.objects.filter(vcenter=stage.vcenter, name__in=names).exists():
        raise faults.InvalidState(
            name=stage.vcenter.name, reason="this exercise was begun here before: restart it from the start state"
        )


def register(
    change: Change,
    stage: Stage,
    wanted: Mapping[str, Any],
    store: Datastore | None = None,
    size_bytes: int = 16 * GIB,
    used_bytes: int | None = None,
) -> VirtualMachine:
    """A VM that is there at once, as if it had been for a while; on the host's first shared datastore by default."""
    vm = _row(change, stage, wanted)
    store = store or Datastore.objects.filter(mounts__host=vm.host).order_by("local", "slot").first()
    if store is None:
        raise faults.InvalidState(name=vm.host.name, reason="it has no datastore")
    vm.save()
    used = size_bytes // 4 if used_bytes is None else used_bytes
    VirtualDisk.objects.create(vm=vm, key=FIRST_DISK_KEY, datastore=store, capacity_bytes=size_bytes, used_bytes=used)
    Datastore.objects.filter(pk=store.pk).update(provisioned_bytes=F("provisioned_bytes") + size_bytes)
    network = vm.host.networks.order_by("id").first()
    VirtualNic.objects.create(vm=vm, key=FIRST_NIC_KEY, network=network, mac=new_mac(vm.uuid, FIRST_NIC_KEY))
    spec = to_plain(specs.vm_spec(vm))
    change.configure(Config.REGISTER_VM, vm.uuid, spec=spec, host=str(vm.host.uuid), power=vm.power_state)
    if "hog" in wanted:
        args = {"fault": f"{wanted['hog']}_hog", "duration_s": 0}
        change.command(Command(kind=Config.INJECT, target=str(vm.uuid), args=args))
    change.event("VmRegisteredEvent", vm, vm.host, vm.host.cluster)
    change.changed(vm, vm.host)
    change.fact("tree.changed", vm.folder.moref)
    return vm


def _row(change: Change, stage: Stage, wanted: Mapping[str, Any]) -> VirtualMachine:
    host = stage.host(wanted["host"])
    root = ResourcePool.objects.get(cluster=host.cluster, parent__isnull=True)
    on = wanted.get("power", "on") == "on"
    vm = VirtualMachine(
        vcenter=change.vcenter,
        moref=ids.new_moref(change.vcenter, Kind.VM),
        name=wanted["name"],
        uuid=uuids.uuid4(),
        slot=slots.take(change.vcenter, VirtualMachine),
        folder=stage.vm_folder(),
        host=host,
        pool=stage.pool(wanted["pool"]) if "pool" in wanted else root,
        power_state=VmPower.ON if on else VmPower.OFF,
        tools_status=ToolsStatus.OK if on else ToolsStatus.NOT_RUNNING,
        boot_lab_s=change.lab_s,
        features_mask=CPU_GENERATIONS[host.cpu_generation].features if on else 0,
    )
    for name, value in wanted.items():
        if name not in OWN_KEYS:
            setattr(vm, name, value)
    vm.boot_memory_mib = vm.memory_mib
    follow_levels(vm)
    return vm
