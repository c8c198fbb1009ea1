"""A cluster as the engine sees it: rows of the database and live figures, frozen into arrays.

A fixed number of queries and O(VMs) work; 8,000 VMs take some tenths of a second, most of it reading rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import prefetch_related_objects
from numpy.typing import NDArray

from domain import faults, resources
from domain.hardware import CPU_GENERATIONS, SERVER_MODELS, VMOTION_LEAST_MBPS
from domain.licensing import allows_vmotion
from domain.snapshot import (
    Automation,
    ClusterSnapshot,
    DpmBehavior,
    HostTable,
    PoolTable,
    RestartPriority,
    VMotionTrouble,
    VmTable,
)
from domain.states import DrsBehavior, HostConnection, HostPower, IpFamily, StandbyMode, VmPower
from inventory import metrics
from inventory.models import (
    Cluster,
    Host,
    ResourcePool,
    VirtualMachine,
)
from scheduler.selectors import cluster_rows, demand
from scheduler.selectors.cluster_rows import Busy, Links, VmRow
from scheduler.selectors.cluster_rules import rules_of
from scheduler.selectors.pinned import TORN, pinned

VmLike = VirtualMachine | VmRow

AUTOMATION = {
    DrsBehavior.DISABLED: Automation.DISABLED,
    DrsBehavior.MANUAL: Automation.MANUAL,
    DrsBehavior.PARTIAL: Automation.PARTIALLY_AUTOMATED,
    DrsBehavior.FULL: Automation.FULLY_AUTOMATED,
}
DPM = {"disabled": DpmBehavior.DISABLED, "manual": DpmBehavior.MANUAL, "automated": DpmBehavior.AUTOMATED}
RESTART = {
    "disabled": RestartPriority.DISABLED, "lowest": RestartPriority.LOWEST, "low": RestartPriority.LOW,
    "medium": RestartPriority.MEDIUM, "high": RestartPriority.HIGH, "highest": RestartPriority.HIGHEST,
}  # fmt: skip
# Columns of a VM that planning never looks at; reading them for 8,000 VMs takes as long as all others together.
NO_MATTER = (
    "created_at", "notes", "guest_id", "firmware", "boot_delay_ms", "enter_bios_setup",
    "archetype", "trace", "trace_scale", "trace_offset_s", "tools_installed", "ip_address", "purge_at",
    "deleted_at", "cpu_shares_level", "memory_shares_level", "cores_per_socket", "boot_memory_mib", "cpu_hot_add",
    "cpu_hot_remove", "memory_hot_add", "consolidation_needed", "current_snapshot",
)  # fmt: skip
MOVES_TAKE_S = 600.0  # from a host that is up to VMs that have moved there: a few cycles
FAILED_MOVE_RESTS_S = 900.0  # the same (VM, host) is not tried again for 15 minutes
MOVES_REMEMBERED_S = 7200.0
MIB_PER_S_PER_MBPS = 0.9 / 8 * 1e6 / 2**20  # 90 % of the line rate


@dataclass(frozen=True, slots=True)
class Frame:
    """A snapshot with the rows it was made of: `hosts[i]` is the host of row i, and so on."""

    snapshot: ClusterSnapshot
    cluster: Cluster
    hosts: list[Host]
    vms: list[VirtualMachine]
    pools: list[ResourcePool]
    now_s: float

    def host(self, moref: str) -> Host:
        return self.hosts[self.snapshot.hosts.moref.index(moref)]

    def vm_row(self, moref: str) -> int:
        return self.snapshot.vms.moref.index(moref)


@dataclass(frozen=True, slots=True)
class _Things:
    """Which datastores and networks hosts offer and VMs need, as columns; the live tasks by the object they hold."""

    stores: dict[int, int]
    nets: dict[int, int]
    busy: dict[str, Busy]

    def matrix(self, rows: int, pairs: list[tuple[int, int]], columns: dict[int, int]) -> NDArray[np.bool_]:
        result = np.zeros((rows, max(1, len(columns))), np.bool_)
        for row, thing in pairs:
            if thing in columns:
                result[row, columns[thing]] = True
        return result


def frame_of(cluster: Cluster) -> Frame:
    """The cluster as it is now. Templates and VMs in the recycle bin are left out; powered-off VMs are in."""
    hosts = list(Host.objects.filter(cluster=cluster).select_related("license").order_by("id"))
    pools = _pools_parents_first(cluster)
    in_pools = {p.pk for p in pools}
    vms = [v for v in _vms_on(cluster, hosts) if v.pool_id in in_pools]
    now_s = cluster.vcenter.lab_seconds()
    return Frame(_snapshot(cluster, hosts, vms, pools, now_s), cluster, hosts, vms, pools, now_s)


def snapshot_of(cluster: Cluster, now_s: float) -> ClusterSnapshot:
    """The same without the rows it was made of, at a third of the cost."""
    hosts, pools = cluster_rows.hosts.all(cluster.pk), _pools_parents_first(cluster)
    here, in_pools = {h.pk for h in hosts}, {p.pk for p in pools}
    vms = [v for v in cluster_rows.vms(cluster.pk) if v.host_id in here and v.pool_id in in_pools]
    return _snapshot(cluster, hosts, vms, pools, now_s)


def _snapshot(
    cluster: Cluster, hosts: list[Host], vms: Sequence[VmLike], pools: list[ResourcePool], now_s: float
) -> ClusterSnapshot:
    pool_row = {p.pk: i for i, p in enumerate(pools)}
    things, links = _things(cluster), cluster_rows.links(cluster.pk)
    return ClusterSnapshot(
        name=cluster.name,
        hosts=_host_table(cluster, hosts, things, links, now_s),
        vms=_vm_table(cluster, hosts, vms, pool_row, things, links, now_s),
        pools=_pool_table(pools, pool_row),
        rules=rules_of(cluster, [v.moref for v in vms], [h.moref for h in hosts]),
    )


def _vms_on(cluster: Cluster, hosts: list[Host]) -> list[VirtualMachine]:
    """The cluster's VMs, each with its host of `hosts`: one object per host, not one per VM."""
    by_pk = {h.pk: h for h in hosts}
    rows = VirtualMachine.objects.filter(host__cluster=cluster, template=False, provisioning=False)
    vms: list[VirtualMachine] = [
        v for v in rows.defer(*NO_MATTER).annotate(torn=TORN).order_by("id") if v.host_id in by_pk
    ]
    for vm in vms:
        vm.host = by_pk[vm.host_id]
    return vms


def comparison(cluster: Cluster, vms: list[VirtualMachine], hosts: list[Host]) -> Frame:
    """These VMs against these hosts of `cluster`, wherever the VMs are now: enough for prechecks, not for planning.

    After the rows of `hosts` come those of the cluster's other hosts (a rule that names them alone would seem to leave
    no host at all) and of the hosts that the VMs are on, so that sources can be looked at.
    """
    ids = [h.pk for h in hosts]
    others = list(Host.objects.filter(cluster=cluster).exclude(pk__in=ids).select_related("license").order_by("id"))
    known = {*ids, *(h.pk for h in others)}
    sources = list({v.host_id: v.host for v in vms if v.host_id not in known}.values())
    everyone, now_s, things = [*hosts, *others, *sources], cluster.vcenter.lab_seconds(), _things(cluster)
    prefetch_related_objects([h for h in everyone if h.license_id], "license")
    links = cluster_rows.links_between(everyone, vms)
    snapshot = ClusterSnapshot(
        name=cluster.name,
        hosts=_host_table(cluster, everyone, things, links, now_s),
        vms=_vm_table(cluster, everyone, vms, {}, things, links, now_s),
        pools=PoolTable.build(["resgroup-0"]),
        rules=rules_of(cluster, [v.moref for v in vms], [h.moref for h in everyone]),
    )
    return Frame(snapshot, cluster, everyone, vms, [], now_s)


def _things(cluster: Cluster) -> _Things:
    stores = cluster_rows.datastores.column(cluster.vcenter_id)
    nets = cluster_rows.networks.column(cluster.vcenter_id)
    busy = {task.entity: task for task in cluster_rows.busy(cluster.vcenter_id)}
    return _Things({k: i for i, k in enumerate(stores)}, {k: i for i, k in enumerate(nets)}, busy)


def _pools_parents_first(cluster: Cluster) -> list[ResourcePool]:
    below: dict[int | None, list[ResourcePool]] = defaultdict(list)
    for pool in cluster_rows.pools.all(cluster.pk):
        below[pool.parent_id].append(pool)
    ordered = list(below[None])
    for pool in ordered:  # grows while it is walked: breadth first
        ordered.extend(below[pool.pk])
    return ordered


# --- hosts -----------------------------------------------------------------------------------------------------------
def _host_table(cluster: Cluster, hosts: list[Host], things: _Things, links: Links, now_s: float) -> HostTable:
    row = {h.pk: i for i, h in enumerate(hosts)}
    stores = [(row[h], d) for h, d in links.mounts if h in row]
    nets = [(row[h], n) for h, n in links.present if h in row]
    failover = set((cluster.ha_options or {}).get("failover_hosts") or ())
    return HostTable.build(
        [h.moref for h in hosts],
        [h.name for h in hosts],
        cpu_capacity_mhz=[resources.host_cpu_for_vms_mhz(h.cores, h.core_mhz, h.hosted) for h in hosts],
        mem_capacity_mib=[resources.host_memory_for_vms_mib(h.memory_mib, h.hosted) for h in hosts],
        cores=[h.cores for h in hosts],
        logical_cpus=[h.threads for h in hosts],
        core_mhz=[h.core_mhz for h in hosts],
        connected=[h.connection_state == HostConnection.CONNECTED for h in hosts],
        powered_on=[h.power_state == HostPower.ON for h in hosts],
        maintenance=[h.in_maintenance for h in hosts],
        entering_maintenance=[h.entering_maintenance for h in hosts],
        standby=[h.standby_mode == StandbyMode.IN for h in hosts],
        entering_standby=[h.standby_mode == StandbyMode.ENTERING for h in hosts],
        exiting_standby=[_wakes(h, things.busy) for h in hosts],
        failover=[h.moref in failover for h in hosts],
        vmotion_trouble=[int(_vmotion_trouble(h)) for h in hosts],
        vmotion_ipv6=[h.vmotion_ip_family == IpFamily.IPV6 for h in hosts],
        vmotion_licensed=[allows_vmotion(h.edition) for h in hosts],
        nic_mibps=[(h.nic_mbps or [10_000])[0] * MIB_PER_S_PER_MBPS for h in hosts],
        vmotion_mibps=[_vmotion_mbps(h) * MIB_PER_S_PER_MBPS for h in hosts],
        hardware_version=[h.highest_hardware_version for h in hosts],
        features=np.array([features_of(h, cluster) for h in hosts], np.uint64),
        datastores=things.matrix(len(hosts), stores, things.stores),
        networks=things.matrix(len(hosts), nets, things.nets),
        power_w=[_watts(h) for h in hosts] or None,
        boot_s=[h.wake_estimate_s for h in hosts],
        up_s=[max(0.0, now_s - max(h.boot_lab_s, h.last_exit_standby_lab_s or 0.0)) for h in hosts],
        wakeable=[bool(h.bmc_address) or h.wake_on_lan for h in hosts],
        wake_failed=[h.last_exit_standby_ok is False for h in hosts],
        dpm_behavior=[int(_dpm(h, cluster)) for h in hosts],
    )


def _wakes(host: Host, busy: dict[str, Busy]) -> bool:
    """On its way out of standby, or told to go: it is not woken twice."""
    told = host.moref in busy and busy[host.moref].operation == cluster_rows.WAKE
    return host.standby_mode == StandbyMode.EXITING or told


def _vmotion_mbps(host: Host) -> float:
    return float(host.nic_mbps[host.vmotion_nic]) if host.nic_mbps else 0.0


def _vmotion_trouble(host: Host) -> VMotionTrouble:
    if not host.vmotion_enabled or not host.nic_mbps:
        return VMotionTrouble.NOT_CONFIGURED
    if host.vmotion_nic in (host.nics_down or []):
        return VMotionTrouble.LINK_DOWN
    return VMotionTrouble.TOO_SLOW if _vmotion_mbps(host) < VMOTION_LEAST_MBPS else VMotionTrouble.NONE


def features_of(host: Host, cluster: Cluster) -> int:
    """CPU features that guests on this host may see: the cluster's EVC mode masks the host's own."""
    generation = CPU_GENERATIONS.get(cluster.evc_mode or host.cpu_generation)
    return generation.features if generation else 0


def _watts(host: Host) -> tuple[float, ...]:
    model = SERVER_MODELS.get(host.model)
    return model.watts if model else (0.0,) * 11


def _dpm(host: Host, cluster: Cluster) -> DpmBehavior:
    if host.dpm_behavior in DPM:
        return DPM[host.dpm_behavior]
    return DPM.get(cluster.dpm_automation, DpmBehavior.MANUAL)


# --- virtual machines ------------------------------------------------------------------------------------------------
def _vm_table(
    cluster: Cluster,
    hosts: list[Host],
    vms: Sequence[VmLike],
    pool_row: dict[int, int],
    things: _Things,
    links: Links,
    now_s: float,
) -> VmTable:
    core_mhz = {h.pk: h.core_mhz for h in hosts}
    covered = {h.pk for h in hosts if cluster.ha_on and not h.hosted}
    vm_row = {v.pk: i for i, v in enumerate(vms)}
    stores = [(vm_row[v], d) for v, d in links.disks if v in vm_row]
    nets = [(vm_row[v], n) for v, n in links.nics if v in vm_row]
    slots, ahead_s, windows = [v.slot for v in vms], horizon_s(cluster, hosts), demand.windows_s(cluster)
    figures = demand.figures(cluster.vcenter, slots, ahead_s, windows)
    moved, previous, failed = _past_moves(cluster, vms, hosts, now_s)
    return VmTable.build(
        [v.moref for v in vms],
        [v.name for v in vms],
        host_ix=_places(vms, hosts, things.busy),
        pool_ix=[pool_row.get(v.pool_id or 0, 0) for v in vms],
        powered_on=[v.power_state == VmPower.ON for v in vms],
        vcpus=[v.vcpus for v in vms],
        hardware_version=[v.hardware_version for v in vms],
        cpu_max_mhz=[v.vcpus * core_mhz.get(v.host_id, 2000) for v in vms],
        mem_mib=[v.memory_mib for v in vms],
        overhead_mib=[resources.overhead_mib(v.vcpus, v.memory_mib) for v in vms],
        cpu_reservation_mhz=[v.cpu_reservation_mhz for v in vms],
        cpu_limit_mhz=[v.cpu_limit_mhz for v in vms],
        cpu_shares=[v.cpu_shares for v in vms],
        mem_reservation_mib=[v.memory_reservation_mib for v in vms],
        mem_limit_mib=[v.memory_limit_mib for v in vms],
        mem_shares=[v.memory_shares for v in vms],
        automation=[int(_automation(v, cluster)) for v in vms],
        features=np.array([v.features_mask for v in vms], np.uint64),
        datastores=things.matrix(len(vms), stores, things.stores),
        networks=things.matrix(len(vms), nets, things.nets),
        protected=[v.host_id in covered for v in vms],
        restart_priority=[int(RESTART.get(v.ha_restart_priority, RestartPriority.MEDIUM)) for v in vms],
        moved_s=moved,
        previous_host_ix=previous,
        failed_moves=failed,
        immovable=_immovable(vms, hosts, things.busy),
        **figures,
    )


def horizon_s(cluster: Cluster, hosts: list[Host]) -> float:
    """How far predictive power management looks: until a host woken now is up and VMs have moved there; 0 = off."""
    if not (cluster.dpm_enabled and (cluster.drs_options or {}).get("predictive")):
        return 0.0
    return max((h.wake_estimate_s for h in hosts), default=0.0) + MOVES_TAKE_S


def _automation(vm: VmLike, cluster: Cluster) -> Automation:
    own = vm.drs_override if cluster.drs_vm_overrides else ""
    return AUTOMATION[DrsBehavior(own or cluster.drs_automation)]


def _places(vms: Sequence[VmLike], hosts: list[Host], busy: dict[str, Busy]) -> list[int]:
    """Rows of the hosts of VMs. A VM on its way counts where it goes: a host that it is heading for is neither empty
    nor free, and nobody has to plan again what is being done."""
    by_pk, by_moref = {h.pk: i for i, h in enumerate(hosts)}, {h.moref: i for i, h in enumerate(hosts)}
    places = [by_pk.get(v.host_id, -1) for v in vms]
    for row, vm in enumerate(vms):
        task = busy.get(vm.moref)
        if task is not None and task.operation in cluster_rows.MOVES:
            places[row] = by_moref.get(task.args.get("host", ""), places[row])
    return places


def _immovable(vms: Sequence[VmLike], hosts: list[Host], busy: dict[str, Busy]) -> dict[int, Exception]:
    """VMs that cannot be moved now: a task holds them, they are not connected, or a device keeps them."""
    host_of = {h.pk: h for h in hosts}
    found: dict[int, Exception] = {}
    for row, vm in enumerate(vms):
        if vm.moref in busy:
            found[row] = faults.TaskInProgress(name=vm.name, task=busy[vm.moref].description)
        elif vm.connection_state != "connected":
            host = host_of[vm.host_id]
            found[row] = faults.InvalidHostConnectionState(host=host.name, state=host.connection_state)
        elif kept := pinned(vm, getattr(vm, "torn", False)):
            found[row] = kept[0]
    return found


def _past_moves(
    cluster: Cluster, vms: Sequence[VmLike], hosts: list[Host], now_s: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[tuple[int, int, float], ...]]:
    """When each VM moved last and from where; which (VM, host) failed lately."""
    moved = np.full(len(vms), -1e18)
    previous = np.full(len(vms), -1, np.int64)
    vm_row = {v.moref: i for i, v in enumerate(vms)}
    host_row = {h.moref: i for i, h in enumerate(hosts)}
    failed = []
    recent = cluster_rows.recent_moves.rows(cluster.vcenter_id, now_s - MOVES_REMEMBERED_S)
    for vm, source, target, ended_s, ok in recent:
        if vm not in vm_row:
            continue
        if ok:
            moved[vm_row[vm]], previous[vm_row[vm]] = ended_s, host_row.get(source, -1)
        elif target in host_row and ended_s + FAILED_MOVE_RESTS_S > now_s:
            failed.append((vm_row[vm], host_row[target], ended_s + FAILED_MOVE_RESTS_S))
    return moved, previous, tuple(failed)


# --- pools -----------------------------------------------------------------------------------------------------------
def _pool_table(pools: list[ResourcePool], row: dict[int, int]) -> PoolTable:
    def column(name: str) -> list[Any]:
        return [getattr(p, name) for p in pools]

    return PoolTable.build(
        column("moref"),
        column("name"),
        parent=[row[p.parent_id] if p.parent_id else -1 for p in pools],
        cpu_reservation_mhz=column("cpu_reservation_mhz"),
        cpu_limit_mhz=column("cpu_limit_mhz"),
        cpu_shares=column("cpu_shares"),
        cpu_expandable=column("cpu_expandable"),
        mem_reservation_mib=column("memory_reservation_mib"),
        mem_limit_mib=column("memory_limit_mib"),
        mem_shares=column("memory_shares"),
        mem_expandable=column("memory_expandable"),
        scalable_shares=column("scalable_shares"),
    )


def has_figures(cluster: Cluster) -> bool:
    """True once the fleet has reported; before that, every demand would read as zero."""
    return metrics.latest(cluster.vcenter) is not None
