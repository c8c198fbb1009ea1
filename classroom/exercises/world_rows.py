"""How each kind of `vocabulary.KINDS` is read from a lab: (name, {property: getter}) per object."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum

from domain.states import HostPower, StandbyMode, ToolsStatus, VmPower
from inventory.models import (
    Cluster,
    Datastore,
    Event,
    Host,
    ResourcePool,
    Snapshot,
    TriggeredAlarm,
    VCenter,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)
from scheduler.engine.rules import RuleBook
from scheduler.models import ClusterSchedule, Decision, DrsRule, Migration, Recommendation
from scheduler.selectors.cluster import frame_of

if TYPE_CHECKING:
    from classroom.exercises.world import LabWorld

Getters = Mapping[str, Callable[[], Any]]
Found = Iterator[tuple[str, Getters]]
RuleState = Callable[[], tuple[set[str], set[str]]]
GIB, KIB_PER_MIB, J_PER_KWH = 1024**3, 1024.0, 3.6e6
SAMPLE_MS = 20_000.0
POWER = {VmPower.ON: "on", VmPower.OFF: "off", VmPower.SUSPENDED: "suspended"}
HOST_POWER = {HostPower.ON: "on", HostPower.OFF: "off", HostPower.STANDBY: "standby", HostPower.UNKNOWN: "unknown"}
ALLOCATION = (
    "cpu_reservation_mhz", "cpu_limit_mhz", "cpu_shares", "cpu_shares_level", "memory_reservation_mib",
    "memory_limit_mib", "memory_shares", "memory_shares_level",
)  # fmt: skip


def _columns(row: Any, *names: str) -> dict[str, Callable[[], Any]]:
    return {name: partial(getattr, row, name) for name in names}


def _alarms(world: LabWorld) -> Callable[[], Counter[str]]:
    """How many alarms each object has; asked once for all rows of a kind."""
    return cache(lambda: Counter(TriggeredAlarm.objects.filter(vcenter=world.vcenter).values_list("entity", flat=True)))


def _of(known: Callable[[], Mapping[Any, Any]], key: Any, none: Any) -> Any:
    """One value of a mapping that is read when it is first asked for."""
    return known().get(key, none)


def _device(devices: Callable[[], dict[str, dict[int, Any]]], name: str, pk: int, none: Any) -> Any:
    return devices()[name].get(pk, none)


# --- virtual machines ------------------------------------------------------------------------------------------------
def _vms(world: LabWorld) -> Found:
    query = VirtualMachine.objects.filter(vcenter=world.vcenter, provisioning=False).order_by("id")
    alarms, devices = _alarms(world), cache(partial(_devices, world.vcenter))
    for vm in query.select_related("host", "pool", "folder"):
        yield vm.name, {
            **_columns(vm, *ALLOCATION, "vcpus", "memory_mib", "template", "drs_override"),
            "power": partial(POWER.get, vm.power_state),
            "host": partial(str, vm.host.name),
            "host_kind": partial(str, vm.host.host_kind),
            "pool": partial(str, vm.pool.name if vm.pool else ""),
            "folder": partial(str, vm.folder.name),
            "guest": partial(str, vm.guest_id),
            "ha_priority": partial(str, vm.ha_restart_priority),
            "tools": partial(str, "ok" if vm.tools_status == ToolsStatus.OK else "down"),
            "alarms": partial(_of, alarms, vm.moref, 0),
            **{
                name: partial(_device, devices, name, vm.pk, none)
                for name, none in (
                    ("disk_gib", 0.0), ("datastores", []), ("networks", []), ("snapshots", 0), ("snapshot_gib", 0.0),
                )
            },
            **_vm_figures(world, vm),
        }  # fmt: skip


def _vm_figures(world: LabWorld, vm: VirtualMachine) -> Getters:
    mib = {"active_mib": 33, "ballooned_mib": 90, "swapped_mib": 70}
    ready_scale = SAMPLE_MS * max(1, vm.vcpus) / 100.0  # % of the time of one vCPU
    return {
        **{name: partial(world.figure, "vm", vm.slot, key, KIB_PER_MIB) for name, key in mib.items()},
        "cpu_usage_mhz": partial(world.figure, "vm", vm.slot, 6),
        "cpu_ready_pct": partial(world.figure, "vm", vm.slot, 12, ready_scale),
    }


def _devices(vcenter: VCenter) -> dict[str, dict[int, Any]]:
    """Per property: what each VM's devices and snapshots come to, by primary key."""
    found: dict[str, dict[int, Any]] = {"datastores": defaultdict(list), "networks": defaultdict(list), "disk_gib": {}}
    disks = VirtualDisk.objects.filter(vm__vcenter=vcenter)
    for vm, name, size in disks.order_by("key").values_list("vm", "datastore__name", "capacity_bytes"):
        found["datastores"][vm].append(name)
        found["disk_gib"][vm] = found["disk_gib"].get(vm, 0.0) + size / GIB
    nics = VirtualNic.objects.filter(vm__vcenter=vcenter, connected=True, network__isnull=False)
    for vm, name in nics.values_list("vm", "network__name"):
        found["networks"][vm].append(name)
    sums = Snapshot.objects.filter(vm__vcenter=vcenter, ready=True).order_by().values("vm")
    rows = list(sums.annotate(n=Count("id"), size=Sum("size_bytes")).values_list("vm", "n", "size"))
    found["snapshots"] = {vm: n for vm, n, _size in rows}
    found["snapshot_gib"] = {vm: (size or 0) / GIB for vm, _n, size in rows}
    return found


# --- hosts, clusters, pools ------------------------------------------------------------------------------------------
def _hosts(world: LabWorld) -> Found:
    on = Count("vms", filter=Q(vms__power_state=VmPower.ON, vms__deleted_at__isnull=True))
    alarms = _alarms(world)
    for host in Host.objects.filter(vcenter=world.vcenter).annotate(on=on).order_by("slot"):
        yield (
            host.name,
            {
                "connection": partial(str, host.connection_state),
                "power": partial(_host_power, host),
                "maintenance": partial(bool, host.in_maintenance),
                "kind": partial(str, host.host_kind),
                "vms_on": partial(int, host.on),
                "vmotion": partial(bool, host.vmotion_enabled),
                "nics_down": partial(len, host.nics_down),
                "wakeable": partial(bool, host.last_exit_standby_ok is not False),
                "cpu_pct": partial(world.figure, "host", host.slot, 2, 100.0),
                "memory_pct": partial(world.figure, "host", host.slot, 24, 100.0),
                "watts": partial(world.figure, "host", host.slot, 157),
                "alarms": partial(_of, alarms, host.moref, 0),
            },
        )


def _host_power(host: Host) -> str:
    return "standby" if host.standby_mode == StandbyMode.IN else HOST_POWER.get(HostPower(host.power_state), "unknown")


def _clusters(world: LabWorld) -> Found:
    alarms = _alarms(world)
    for cluster in Cluster.objects.filter(vcenter=world.vcenter, standalone=False).order_by("slot"):
        cluster.vcenter = world.vcenter
        rules = cache(partial(rule_state, cluster))
        yield (
            cluster.name,
            {
                "drs": partial(bool, cluster.drs_enabled),
                "automation": partial(str, cluster.drs_automation),
                "threshold": partial(int, cluster.drs_threshold),
                "dpm": partial(bool, cluster.dpm_enabled),
                "dpm_automation": partial(str, cluster.dpm_automation),
                "ha": partial(bool, cluster.ha_enabled),
                "evc": partial(str, cluster.evc_mode),
                "score": partial(_score, cluster),
                "hosts_usable": partial(_usable, cluster),
                "hosts_standby": partial(_asleep, cluster),
                "violated_rules": partial(_number_of, rules, 0),
                "conflicting_rules": partial(_number_of, rules, 1),
                "recommendations": partial(_waiting, cluster),
                "saved_kwh": partial(_energy, world, cluster, saved=True),
                "drawn_kwh": partial(_energy, world, cluster, saved=False),
                "alarms": partial(_of, alarms, cluster.moref, 0),
            },
        )


def _usable(cluster: Cluster) -> int:
    return sum(host.usable for host in cluster.hosts.all())


def _asleep(cluster: Cluster) -> int:
    return cluster.hosts.filter(standby_mode=StandbyMode.IN).count()


def _number_of(rules: RuleState, which: int) -> int:
    return len(rules()[which])


def _violated(rules: RuleState, name: str) -> bool:
    return name in rules()[0]


def _score(cluster: Cluster) -> float | None:
    return Decision.objects.filter(cluster=cluster).order_by("-id").values_list("score", flat=True).first()


def _waiting(cluster: Cluster) -> int:
    return Recommendation.objects.filter(cluster=cluster, state=Recommendation.PENDING).count()


def rule_state(cluster: Cluster) -> tuple[set[str], set[str]]:
    """Names of the rules that the present placement violates, and of those that conflict with an older one."""
    snapshot = frame_of(cluster).snapshot
    book = RuleBook(snapshot)
    broken = book.violations(snapshot.vms.host_ix, snapshot.vms.powered_on)
    return {v.rule.name for v in broken}, {c.rule.name for c in book.conflicts}


def energy(vcenter: VCenter) -> list[tuple[str, float, float]]:
    """(cluster, J drawn, J that the same work would have drawn without DPM) since the lab began."""
    rows = ClusterSchedule.objects.filter(cluster__vcenter=vcenter)
    return list(rows.values_list("cluster__name", "energy_j", "twin_energy_j"))


def _energy(world: LabWorld, cluster: Cluster, *, saved: bool) -> float:
    meters = {name: (drawn, twin) for name, drawn, twin in energy(world.vcenter)}
    drawn, twin = meters.get(cluster.name, (0.0, 0.0))
    drawn0, twin0 = world.baseline.get(cluster.name, (0.0, 0.0))
    return ((twin - twin0) - (drawn - drawn0) if saved else drawn - drawn0) / J_PER_KWH


def _pools(world: LabWorld) -> Found:
    live = Count("vms", filter=Q(vms__deleted_at__isnull=True))
    pools = ResourcePool.objects.filter(vcenter=world.vcenter, parent__isnull=False).annotate(members=live)
    for pool in pools.order_by("id"):
        yield pool.name, {**_columns(pool, *ALLOCATION), "vms": partial(int, pool.members)}


def _datastores(world: LabWorld) -> Found:
    alarms = _alarms(world)
    for store in Datastore.objects.filter(vcenter=world.vcenter).order_by("slot"):
        yield (
            store.name,
            {
                "free_pct": partial(float, 100.0 * store.free_bytes / max(1, store.capacity_bytes)),
                "free_gib": partial(float, store.free_bytes / GIB),
                "slow": partial(bool, store.slow),
                "accessible": partial(bool, store.accessible),
                "alarms": partial(_of, alarms, store.moref, 0),
            },
        )


def _rules(world: LabWorld) -> Found:
    names = dict(VirtualMachine.objects.filter(vcenter=world.vcenter).values_list("moref", "name"))
    names |= dict(Host.objects.filter(vcenter=world.vcenter).values_list("moref", "name"))
    stored = DrsRule.objects.filter(cluster__vcenter=world.vcenter).select_related(
        "vm_group", "host_group", "cluster__vcenter"
    )
    states: dict[int, Any] = {}
    for rule in stored.order_by("id"):
        state = states.setdefault(rule.cluster_id, cache(partial(rule_state, rule.cluster)))
        vms = rule.vm_group.members if rule.vm_group else rule.members
        hosts = rule.host_group.members if rule.host_group else []
        yield (
            rule.name,
            {
                **_columns(rule, "kind", "enabled", "mandatory", "affine"),
                "vms": partial(list, [names[m] for m in vms if m in names]),
                "hosts": partial(list, [names[m] for m in hosts if m in names]),
                "violated": partial(_violated, state, rule.name),
            },
        )


# --- what happened ---------------------------------------------------------------------------------------------------
def _events(world: LabWorld) -> Found:
    """Since the start, oldest first; `about` = every object it concerns."""
    rows = Event.objects.filter(vcenter=world.vcenter, lab_s__gt=world.started_s).order_by("key")
    for kind, name, related, said in rows.values_list("type", "entity_name", "related", "fields"):
        about = [name, *(pair[1] for pair in related.values())]
        reason = str(said.get("reason", ""))
        yield name, {"type": partial(str, kind), "about": partial(list, about), "reason": partial(str, reason)}


def _migrations(world: LabWorld) -> Found:
    """Those that succeeded since the start, by the name of the VM."""
    for move in Migration.objects.filter(vcenter=world.vcenter, ok=True, started_lab_s__gte=world.started_s):
        yield (
            move.vm_name,
            {
                "host": partial(str, move.destination_name),
                "source": partial(str, move.source_name),
                "cause": partial(str, move.cause),
                "kind": partial(str, move.kind),
                "downtime_ms": partial(_milliseconds, move.downtime_s),
                "rounds": partial(len, move.rounds),
            },
        )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000.0 * seconds


def _alarm_rows(world: LabWorld) -> Found:
    open_ = TriggeredAlarm.objects.filter(vcenter=world.vcenter).select_related("definition")
    for alarm in open_:
        yield (
            alarm.definition.name,
            {
                "status": partial(str, alarm.status),
                "entity": partial(str, alarm.entity_name),
            },
        )


def _clock(world: LabWorld) -> Found:
    yield (
        "clock",
        {
            "elapsed_min": partial(float, (world.lab_s - world.started_s) / 60.0),
            "hour": lambda: world.vcenter.lab_datetime(world.lab_s).astimezone(ZoneInfo(world.vcenter.timezone)).hour,
        },
    )


READERS: dict[str, Callable[[LabWorld], Found]] = {
    "vm": _vms,
    "host": _hosts,
    "cluster": _clusters,
    "pool": _pools,
    "datastore": _datastores,
    "rule": _rules,
    "event": _events,
    "migration": _migrations,
    "alarm": _alarm_rows,
    "clock": _clock,
}
