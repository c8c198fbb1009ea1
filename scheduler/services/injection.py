"""Causing faults on purpose: what a teacher or a tester breaks from the browser."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_noop as _noop

from domain import faults
from hypervisors.port import Command, Config, Injection
from inventory.journal import changing
from inventory.models import Datastore, Host, Task, VirtualMachine
from inventory.services.base import check, instant

LONGEST_S = 7 * 86_400.0
OF_HOSTS = (
    Injection.HOST_CRASH, Injection.HOST_OS_CRASH, Injection.HOST_HANG, Injection.ISOLATE, Injection.PARTITION,
    Injection.HOST_RECOVER, Injection.NIC_DOWN, Injection.NIC_UP, Injection.FAIL_NEXT_WAKE, Injection.BMC_DEAD,
    Injection.BMC_OK,
)  # fmt: skip
OF_VMS = (
    Injection.GUEST_CRASH, Injection.MEMORY_HOG, Injection.CPU_HOG, Injection.RUNAWAY_SNAPSHOT,
    Injection.FAIL_NEXT_MIGRATION,
)  # fmt: skip
OF_DATASTORES = (Injection.DATASTORE_SLOW, Injection.DATASTORE_LOST, Injection.DATASTORE_OK)
FITTING: dict[type, tuple[Injection, ...]] = {Host: OF_HOSTS, VirtualMachine: OF_VMS, Datastore: OF_DATASTORES}
LABELS: dict[Injection, str] = {
    Injection.HOST_CRASH: _noop("Host crash"),
    Injection.HOST_OS_CRASH: _noop("Crash of the host operating system"),
    Injection.HOST_HANG: _noop("Hanging management agent"),
    Injection.ISOLATE: _noop("Network isolation of the host"),
    Injection.PARTITION: _noop("Network partition"),
    Injection.HOST_RECOVER: _noop("Repair of the host"),
    Injection.NIC_DOWN: _noop("Network adapter down"),
    Injection.NIC_UP: _noop("Network adapter up"),
    Injection.FAIL_NEXT_WAKE: _noop("Next wake-up fails"),
    Injection.BMC_DEAD: _noop("Dead management controller (BMC)"),
    Injection.BMC_OK: _noop("Repair of the management controller (BMC)"),
    Injection.GUEST_CRASH: _noop("Crash of the guest operating system"),
    Injection.MEMORY_HOG: _noop("Guest that writes all its memory"),
    Injection.CPU_HOG: _noop("Guest that takes all its CPU"),
    Injection.RUNAWAY_SNAPSHOT: _noop("Snapshot that grows without end"),
    Injection.FAIL_NEXT_MIGRATION: _noop("Next migration fails"),
    Injection.DATASTORE_SLOW: _noop("Slow datastore"),
    Injection.DATASTORE_LOST: _noop("Lost datastore"),
    Injection.DATASTORE_OK: _noop("Repair of the datastore"),
}
# Faults that end by themselves where a duration is given.
PASSING = frozenset({
    Injection.HOST_CRASH, Injection.HOST_OS_CRASH, Injection.HOST_HANG, Injection.ISOLATE, Injection.PARTITION,
    Injection.NIC_DOWN, Injection.MEMORY_HOG, Injection.CPU_HOG, Injection.RUNAWAY_SNAPSHOT, Injection.DATASTORE_SLOW,
    Injection.DATASTORE_LOST,
})  # fmt: skip
Text = str | Promise


def fitting(obj: Any) -> tuple[Injection, ...]:
    """The faults that an object of this kind can have; only a hosted hypervisor has a host operating system."""
    found = FITTING.get(type(obj), ())
    hosted = getattr(obj, "hosted", False)
    return tuple(one for one in found if hosted or one != Injection.HOST_OS_CRASH)


def inject(user: Any, obj: Any, fault: str, *, duration_s: float | None = None, nic: int = 0) -> Task:
    """Cause a fault at once. duration_s: lab seconds until it mends itself, 0 = never, None = the fault's own range."""
    check(user, "Lab.InjectFault", obj)
    if fault not in fitting(obj):
        raise faults.InvalidArgument(property="fault", reason="it does not fit this object")
    if duration_s is not None and not 0 <= duration_s <= LONGEST_S:
        raise faults.InvalidArgument(property="duration_min", reason="between 0 (never) and a week")
    if "nic" in fault and not 0 <= nic < len(obj.nic_mbps):
        raise faults.InvalidArgument(property="nic", reason="the host has no such adapter")
    what = Injection(fault)
    args: dict[str, Any] = {"fault": what.value}
    if what in (Injection.NIC_DOWN, Injection.NIC_UP):
        args["nic"] = nic
    if duration_s is not None and what in PASSING:
        args["duration_s"] = duration_s
    with changing(obj.vcenter, user) as change:
        change.command(Command(kind=Config.INJECT, target=str(obj.uuid), args=args))
        place = [obj.host] if isinstance(obj, VirtualMachine) else []
        change.event("FaultInjectedEvent", obj, *place, reason=LABELS[what])
        change.changed(obj)
        return instant(change, "Lab.injectFault", obj, result=args)
