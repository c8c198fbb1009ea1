"""Turn a finished plan into recommendations with the numbers before and after."""

from __future__ import annotations

import numpy as np

from domain.snapshot import Automation, Floats, Ints
from scheduler.engine.costs import migration_seconds
from scheduler.engine.ledger import Ledger
from scheduler.engine.ordering import Step
from scheduler.engine.power_views import PowerDecision
from scheduler.engine.results import HostLoad, Move, Numbers, PowerAction
from scheduler.engine.score import Scores
from scheduler.engine.state import Plan


def build_moves(
    start: Plan, plan: Plan, ledger: Ledger, steps: list[Step], power: list[PowerDecision], before: Scores,
    after: Scores,
) -> tuple[Move, ...]:  # fmt: skip
    """One recommendation per step, keyed m1, m2 … in a safe order."""
    keys = {step.vm: f"m{index}" for index, step in enumerate(steps, start=1)}
    rows = np.array([step.vm for step in steps], dtype=np.int64)
    seconds = migration_seconds(plan, rows, plan.host_ix[rows]) if len(rows) else np.zeros(0)
    by_itself = _automatic(plan, ledger, rows, power)
    moves = []
    for step, duration_s in zip(steps, seconds, strict=True):
        vm, entry = step.vm, ledger.entries[step.vm]
        source, target = int(plan.start[vm]), int(plan.host_ix[vm])
        earlier, later = _numbers(start, before, vm, source, target), _numbers(plan, after, vm, source, target)
        earlier["cluster_score"], later["cluster_score"] = before.cluster, after.cluster
        later |= {"gain": entry.gain, "migration_s": float(duration_s)}
        moves.append(Move(
            key=keys[vm], vm=plan.snapshot.vms.moref[vm], source=plan.snapshot.hosts.moref[source],
            destination=plan.snapshot.hosts.moref[target], priority=entry.priority, reason=entry.reason,
            fields=_fields(start, entry.fields, source, target), before=earlier, after=later,
            prerequisites=tuple(keys[other] for other in step.prerequisites if other in keys),
            group=entry.group, automatic=by_itself[vm],
        ))  # fmt: skip
    return tuple(moves)


def _automatic(plan: Plan, ledger: Ledger, rows: Ints, power: list[PowerDecision]) -> dict[int, bool]:
    """Which moves run without a person: those of fully automated VMs, a group only as a whole. The group of a host that
    is to be switched off waits with it: nobody empties a host that then stays on."""
    full = {int(vm): bool(plan.snapshot.vms.automation[vm] == Automation.FULLY_AUTOMATED) for vm in rows}
    blocked = {ledger.entries[vm].group for vm, able in full.items() if not able and ledger.entries[vm].group}
    blocked |= {decision.group for decision in power if decision.group and not decision.automatic}
    return {vm: able and ledger.entries[vm].group not in blocked for vm, able in full.items()}


def _numbers(plan: Plan, scores: Scores, vm: int, source: int, target: int) -> Numbers:
    source_cpu, source_mem, source_net = plan.ratios(source)
    target_cpu, target_mem, target_net = plan.ratios(target)
    return {
        "source_cpu_ratio": source_cpu, "source_mem_ratio": source_mem, "source_net_ratio": source_net,
        "destination_cpu_ratio": target_cpu, "destination_mem_ratio": target_mem, "destination_net_ratio": target_net,
        "vm_score": float(scores.score[vm]),
    }  # fmt: skip


def _fields(start: Plan, extra: dict[str, str], source: int, target: int) -> dict[str, str | float]:
    cpu, mem, net = start.ratios(source)
    hosts = start.snapshot.hosts
    return {
        "source": hosts.name[source], "destination": hosts.name[target], "source_cpu_pct": round(cpu * 100, 1),
        "source_mem_pct": round(mem * 100, 1), "source_net_pct": round(net * 100, 1), **extra,
    }  # fmt: skip


def build_power_actions(
    plan: Plan, power: list[PowerDecision], steps: list[Step], ledger: Ledger
) -> tuple[PowerAction, ...]:
    """Host power recommendations; switching off waits for every VM of its group to have left."""
    keys = {step.vm: f"m{index}" for index, step in enumerate(steps, start=1)}
    actions = []
    for index, decision in enumerate(power, start=1):
        waits = tuple(key for vm, key in keys.items() if decision.group and plan.start[vm] == decision.host)
        actions.append(PowerAction(
            key=f"p{index}", host=plan.snapshot.hosts.moref[decision.host], operation=decision.operation,
            priority=decision.priority, reason=decision.reason, fields=decision.fields, before=decision.before,
            after=decision.after, prerequisites=waits, group=decision.group, automatic=decision.automatic,
        ))  # fmt: skip
    return tuple(actions)


def host_loads(start: Plan, plan: Plan) -> tuple[HostLoad, ...]:
    """Every host before and after."""
    before = np.bincount(start.host_ix[start.on], minlength=len(start.load))
    after = np.bincount(plan.host_ix[plan.on], minlength=len(plan.load))
    rows = []
    for host, moref in enumerate(plan.snapshot.hosts.moref):
        rows.append(HostLoad(
            moref, *start.ratios(host)[:2], *plan.ratios(host)[:2], vms=int(before[host]), vms_after=int(after[host])
        ))  # fmt: skip
    return tuple(rows)


def named(plan: Plan, rows: Ints, values: Floats) -> dict[str, float]:
    """Values of some VMs by moref, rounded to what a person reads."""
    morefs = plan.snapshot.vms.moref
    return dict(zip((morefs[i] for i in rows), np.round(values[rows], 2).tolist(), strict=True))
