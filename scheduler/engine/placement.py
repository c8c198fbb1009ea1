"""Where should this VM start?  Initial placement, group power-on and HA restarts, with a verdict for every host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from domain import faults
from domain.faults import MethodFault
from domain.snapshot import Bools, ClusterSnapshot, DpmBehavior, Ints
from scheduler.engine.entitlement import unreserved_in_pools
from scheduler.engine.ha import failover
from scheduler.engine.ledger import Ledger, summary
from scheduler.engine.options import DrsOptions
from scheduler.engine.repair import choose_host, make_room
from scheduler.engine.results import Reason
from scheduler.engine.score import ScoreModel
from scheduler.engine.state import Plan


@dataclass(frozen=True, slots=True)
class HostVerdict:
    """One host's answer: a predicted score, or the fault that excludes it."""

    host: str
    score: float | None
    cpu_ratio: float
    mem_ratio: float
    fault: MethodFault | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        plain = {"host": self.host, "score": self.score, "cpu_ratio": self.cpu_ratio, "mem_ratio": self.mem_ratio}
        return {**plain, "fault": self.fault.to_dict() if self.fault else None}


@dataclass(frozen=True, slots=True)
class PrerequisiteMove:
    """A running VM that has to make room first."""

    vm: str
    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The decision for one VM.  host is None if there is none; then fault says why.  power_on: a host to wake first."""

    vm: str
    host: str | None
    score: float | None
    verdicts: tuple[HostVerdict, ...]
    fault: MethodFault | None = None
    prerequisites: tuple[PrerequisiteMove, ...] = ()
    power_on: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "vm": self.vm, "host": self.host, "score": self.score, "power_on": self.power_on,
            "fault": self.fault.to_dict() if self.fault else None,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "prerequisites": [asdict(move) for move in self.prerequisites],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlacementResult:
    """Placements in the order asked for; ``attempted`` have a host, ``not_attempted`` a fault."""

    placements: tuple[Placement, ...]

    @property
    def attempted(self) -> tuple[Placement, ...]:
        """VMs that can start."""
        return tuple(p for p in self.placements if p.host is not None)

    @property
    def not_attempted(self) -> tuple[Placement, ...]:
        """VMs that cannot."""
        return tuple(p for p in self.placements if p.host is None)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"placements": [placement.to_dict() for placement in self.placements]}


def place(snapshot: ClusterSnapshot, vms: Sequence[int], options: DrsOptions, now_s: float = 0.0) -> PlacementResult:
    """Choose hosts for VMs that are to be powered on (a clone or deployed VM is a row of the snapshot that is off).

    Big VMs are placed first, so that small ones fill the gaps; each sees where the ones before it went.  With DRS
    turned off a VM can only start on the host it is registered on.
    """
    plan = Plan(snapshot, options, now_s)
    rows = np.array(vms, dtype=np.int64)
    plan.expect(rows)
    order = np.lexsort((rows, -plan.burden[rows, 0], -plan.needs[rows, 1]))
    found = {int(vm): _place_one(plan, int(vm)) for vm in rows[order]}
    return PlacementResult(tuple(found[int(vm)] for vm in rows))


def _place_one(plan: Plan, vm: int) -> Placement:
    refused = _admission(plan, vm)
    verdicts = host_verdicts(plan, vm)
    moref = plan.snapshot.vms.moref[vm]
    if refused is not None:
        return Placement(moref, None, None, verdicts, refused)
    if not plan.options.enabled:
        return _on_own_host(plan, vm, verdicts)
    moves: tuple[PrerequisiteMove, ...] = ()
    host = choose_host(plan, vm)
    if host is None:
        host, moves = _after_making_room(plan, vm)
    if host is None:
        host = _standby_host(plan, vm)
    if host is None:
        return Placement(moref, None, None, verdicts, _no_host(plan, vm, verdicts))
    return _settle(plan, vm, host, verdicts, moves)


def _settle(
    plan: Plan, vm: int, host: int, verdicts: tuple[HostVerdict, ...], moves: tuple[PrerequisiteMove, ...]
) -> Placement:
    score = float(ScoreModel(plan, np.array([vm])).predict(vm, np.array([host]))[0])
    plan.move(vm, host)
    morefs = plan.snapshot.hosts.moref
    woken = morefs[host] if plan.snapshot.hosts.standby[host] else None
    return Placement(plan.snapshot.vms.moref[vm], morefs[host], score, verdicts, None, moves, woken)


def _on_own_host(plan: Plan, vm: int, verdicts: tuple[HostVerdict, ...]) -> Placement:
    """Without DRS: the host the VM is registered on, or nothing."""
    host = int(plan.snapshot.vms.host_ix[vm])
    moref = plan.snapshot.vms.moref[vm]
    if host < 0:
        fault: MethodFault | None = faults.NoCompatibleHost(name=plan.snapshot.vms.name[vm], reason="DRS is turned off")
    else:
        fault = plan.fault(vm, host)
    return Placement(moref, None, None, verdicts, fault) if fault else _settle(plan, vm, host, verdicts, ())


def host_verdicts(plan: Plan, vm: int) -> tuple[HostVerdict, ...]:
    """Every host's answer for one VM on the planned state."""
    codes = plan.against(np.array([vm]))[0]
    open_hosts = np.flatnonzero(codes == 0)
    scores = dict(zip(open_hosts.tolist(), ScoreModel(plan, np.array([vm])).predict(vm, open_hosts), strict=True))
    verdicts = []
    for host, moref in enumerate(plan.snapshot.hosts.moref):
        cpu, mem, _ = plan.ratios(host)
        score = float(scores[host]) if host in scores else None
        verdicts.append(HostVerdict(moref, score, cpu, mem, None if score is not None else plan.fault(vm, host)))
    return tuple(verdicts)


def _admission(plan: Plan, vm: int) -> MethodFault | None:
    """Pool, cluster over-commit and HA admission for one more running VM."""
    return _pool_refusal(plan, vm) or _overcommit_refusal(plan, vm) or _failover_refusal(plan, vm)


def _pool_refusal(plan: Plan, vm: int) -> MethodFault | None:
    snapshot = plan.snapshot
    cpu_free, mem_free = unreserved_in_pools(snapshot, plan.on, _wakeable(plan))
    pool = int(snapshot.vms.pool_ix[vm])
    cpu, mem = plan.needs[vm, :2]
    name = snapshot.pools.name[pool]
    if cpu > cpu_free[pool] + 1e-6:
        return faults.InsufficientCpuResourcesFault(
            pool=name, unreserved=round(float(cpu_free[pool])), requested=round(float(cpu))
        )
    if mem > mem_free[pool] + 1e-6:
        return faults.InsufficientMemoryResourcesFault(
            pool=name, unreserved=round(float(mem_free[pool])), requested=round(float(mem))
        )
    return None


def _overcommit_refusal(plan: Plan, vm: int) -> MethodFault | None:
    limit_pct = plan.options.max_vcpus_per_cluster_pct
    if not limit_pct:
        return None
    vcpus = int(plan.snapshot.vms.vcpus[plan.on].sum() + plan.snapshot.vms.vcpus[vm])
    cores = int(plan.snapshot.hosts.cores[plan.accepting].sum())
    if vcpus * 100 <= limit_pct * cores:
        return None
    reason = f"{vcpus} virtual CPUs on {cores} cores exceed the over-commitment limit of {limit_pct:g} %"
    return faults.InsufficientHostCapacityFault(host=plan.snapshot.name, reason=reason)


def _failover_refusal(plan: Plan, vm: int) -> MethodFault | None:
    running = plan.on.copy()
    running[vm] = True
    if failover(plan.snapshot, plan.options.ha, plan.accepting, running).ok:
        return None
    return faults.InsufficientFailoverResourcesFault(cluster=plan.snapshot.name)


def _after_making_room(plan: Plan, vm: int) -> tuple[int | None, tuple[PrerequisiteMove, ...]]:
    """One migration that opens a host, if there is one."""
    before = plan.host_ix.copy()
    host = make_room(plan, Ledger(), vm, Reason.POWER_ON_VM, 1, {})
    vms, hosts = plan.snapshot.vms, plan.snapshot.hosts
    moved = np.flatnonzero(before != plan.host_ix)
    return host, tuple(
        PrerequisiteMove(vms.moref[m], hosts.moref[before[m]], hosts.moref[plan.host_ix[m]]) for m in moved
    )


def _wakeable(plan: Plan) -> Bools:
    """(H,) hosts in standby that power management may wake; none while it is off."""
    hosts = plan.snapshot.hosts
    able = hosts.standby & hosts.wakeable & ~hosts.wake_failed & (hosts.dpm_behavior != DpmBehavior.DISABLED)
    allowed: Bools = able & plan.options.dpm.enabled
    return allowed


def _standby_host(plan: Plan, vm: int) -> int | None:
    """A host in standby that could be woken for the VM; it is open to the following ones then."""
    for host in np.flatnonzero(_wakeable(plan) & ~plan.accepting):
        trial = plan.copy()
        trial.accepting[host] = True
        if trial.open_hosts(np.array([vm]))[0, host]:
            plan.accepting[host] = True
            return int(host)
    return None


def _no_host(plan: Plan, vm: int, verdicts: tuple[HostVerdict, ...]) -> MethodFault:
    name = plan.snapshot.vms.name[vm]
    reasons = {verdict.host: verdict.fault for verdict in verdicts if verdict.fault is not None}
    standby = [m for m, asleep in zip(plan.snapshot.hosts.moref, plan.snapshot.hosts.standby, strict=True) if asleep]
    if reasons and standby and set(reasons) <= set(standby):
        return faults.InsufficientStandbyResource(name=name)
    return faults.NoCompatibleHost(name=name, reason=summary(reasons))


# --- failures -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FailurePrediction:
    """What would happen if one host failed now.

    restarted: placements in restart order.  stranded: protected VMs that fit nowhere.  unprotected: VMs HA would not
    restart.  score, score_after: the cluster's DRS score.  failover_ok: whether a second failure could be tolerated.
    """

    host: str
    restarted: tuple[Placement, ...]
    stranded: tuple[Placement, ...]
    unprotected: tuple[str, ...]
    score: float
    score_after: float
    failover_ok: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "host": self.host, "score": self.score, "score_after": self.score_after, "failover_ok": self.failover_ok,
            "restarted": [p.to_dict() for p in self.restarted], "stranded": [p.to_dict() for p in self.stranded],
            "unprotected": list(self.unprotected),
        }  # fmt: skip


def predict_failure(snapshot: ClusterSnapshot, host_ix: int, options: DrsOptions) -> FailurePrediction:
    """ "What if host X fails now": where HA would restart its VMs, class by class, and what that does to the others."""
    plan = Plan(snapshot, options)
    score = ScoreModel(plan).scores().cluster
    victims = plan.members(host_ix)
    lost = _fail(plan, victims, host_ix)
    found = restart(plan, lost)
    unprotected = tuple(snapshot.vms.moref[vm] for vm in victims if vm not in set(lost.tolist()))
    after = ScoreModel(plan).scores().cluster
    ok = failover(snapshot, options.ha, plan.accepting, plan.on).ok
    stranded = tuple(p for p in found if p.host is None)
    done = tuple(p for p in found if p.host is not None)
    return FailurePrediction(snapshot.hosts.moref[host_ix], done, stranded, unprotected, score, after, ok)


def stranded_by(plan: Plan, host_ix: int) -> Ints:
    """Rows of the protected VMs that would find no host if this one failed: the `stranded` of `predict_failure`,
    without asking what becomes of the others. ``plan`` is not touched."""
    trial = plan.copy()
    lost = _fail(trial, trial.members(host_ix), host_ix)
    if _room_for_all(trial, lost):
        return lost[:0]
    stranded = []
    for vm in lost:
        host = choose_host(trial, int(vm))
        if host is None:
            stranded.append(int(vm))
        else:
            trial.move(int(vm), host)
    return np.array(stranded, dtype=np.int64)


def _room_for_all(plan: Plan, lost: Ints) -> bool:
    """True where each lost VM has an open host that would take it even after all the others: then whoever goes where,
    nobody is left over. False says nothing."""
    if any(np.isin(members, lost).sum() > 1 for _key, members in plan.rules.apart):
        return False  # one of them could close a host to another
    roomy = (plan.room >= plan.needs[lost].sum(axis=0)).all(axis=1)
    return bool((plan.open_hosts(lost) & roomy).any(axis=1).all())


def _fail(plan: Plan, victims: Ints, host: int) -> Ints:
    """Take a host and its VMs off the plan, open the hosts kept for that; returns whom HA restarts, in their order."""
    hosts = plan.snapshot.hosts
    plan.accepting[host] = False
    plan.accepting |= hosts.failover & hosts.running & (np.arange(len(hosts)) != host)
    return _stop(plan, victims, host)


def _stop(plan: Plan, victims: Ints, host: int) -> Ints:
    """Take the VMs of a dead host off the plan; returns those that HA protects, in restart order."""
    vms = plan.snapshot.vms
    plan.room[host] += plan.needs[victims].sum(axis=0)
    plan.load[host] -= plan.burden[victims].sum(axis=0)
    plan.on[victims] = False
    live: Bools = vms.protected[victims] & (vms.restart_priority[victims] > 0)
    lost = victims[live]
    return np.take(lost, np.lexsort((lost, -plan.needs[lost, 1], -vms.restart_priority[lost])))


def restart(plan: Plan, vms: Ints) -> list[Placement]:
    """Cold-start VMs in the given order on the planned state; admission control does not apply to restarts."""
    placements = []
    for vm in vms:
        row = int(vm)
        verdicts = host_verdicts(plan, row)
        host = choose_host(plan, row)
        moref = plan.snapshot.vms.moref[row]
        if host is None:
            placements.append(Placement(moref, None, None, verdicts, _no_host(plan, row, verdicts)))
        else:
            placements.append(_settle(plan, row, host, verdicts, ()))
    return placements
