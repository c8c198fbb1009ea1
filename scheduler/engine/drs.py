"""One DRS cycle: constraints first, then power, then balance; every decision with its numbers.

Order of work: hosts to be emptied, required rules, VM-VM rules, reservations, preferred rules, DPM, balancing, even
distribution.  See docs/strategies/drs.md.
"""

from __future__ import annotations

import numpy as np

from domain.snapshot import ClusterSnapshot, Ints
from domain.text import _
from scheduler.engine.balance import BalanceOutcome, balance
from scheduler.engine.classic import balance_classic, classic_bound, imbalance
from scheduler.engine.dpm import manage_power
from scheduler.engine.ledger import Entry, Ledger
from scheduler.engine.options import DrsOptions
from scheduler.engine.ordering import Step, order_moves
from scheduler.engine.power_views import PowerDecision, high_score, lead, trail, utilisation
from scheduler.engine.repair import (
    evacuate,
    evacuate_leaving_hosts,
    even_out,
    repair_preferences,
    repair_reservations,
    repair_rules,
)
from scheduler.engine.report import build_moves, build_power_actions, host_loads, named
from scheduler.engine.results import CyclePlan, Reason
from scheduler.engine.score import ScoreModel, Scores, score_bound
from scheduler.engine.state import Plan

_PASSES = 4


def plan_cycle(snapshot: ClusterSnapshot, options: DrsOptions, now_s: float) -> CyclePlan:
    """Plan one cycle for a cluster at lab time ``now_s``.  Pure: nothing is moved, nothing is remembered."""
    plan, ledger = Plan(snapshot, options, now_s), Ledger()
    present = ScoreModel(plan).scores(measured=True)
    if not options.enabled:
        return _result(plan, plan.copy(), ledger, [], [], present, _("DRS is turned off"))
    start = plan.copy()
    _report_conflicts(plan, ledger)
    _repair(plan, ledger)
    power = manage_power(plan, ledger)
    outcome = _balance(plan, ledger)
    _settle(plan, ledger)
    steps = _ordered(plan, ledger, power)
    return _result(start, plan, ledger, steps, power, present, _note(plan, ledger, outcome))


def _repair(plan: Plan, ledger: Ledger) -> None:
    evacuate_leaving_hosts(plan, ledger)
    repair_rules(plan, ledger)
    repair_reservations(plan, ledger)
    repair_preferences(plan, ledger)


def _settle(plan: Plan, ledger: Ledger) -> None:
    """Ask what the next cycle would do and do it now, until it would do nothing: a second run has nothing left."""
    start = plan.start
    for _pass in range(_PASSES):
        next_cycle, notes = plan.restart_from_here(), Ledger()
        _repair(next_cycle, notes)
        even_out(next_cycle, notes)
        if not len(next_cycle.moved):
            return  # balancing ends only where it finds nothing more
        _balance(next_cycle, notes)
        plan.adopt(next_cycle)
        plan.start = start
        for vm, entry in notes.entries.items():
            ledger.entries.setdefault(vm, entry)


def evacuation_plan(snapshot: ClusterSnapshot, host_ix: int, options: DrsOptions, now_s: float = 0.0) -> CyclePlan:
    """What emptying one host would do: its moves in a safe order, the load of every target, and who cannot leave."""
    plan, ledger = Plan(snapshot, options, now_s), Ledger()
    present, start = ScoreModel(plan).scores(measured=True), plan.copy()
    plan.accepting[host_ix] = False
    evacuate(plan, ledger, host_ix, Reason.MAINTENANCE)
    steps = _ordered(plan, ledger, [])
    stuck = len(plan.members(host_ix))
    note = f"{stuck} virtual machines cannot leave; see the faults." if stuck else ""
    return _result(start, plan, ledger, steps, [], present, note)


def _report_conflicts(plan: Plan, ledger: Ledger) -> None:
    for conflict in plan.rules.conflicts:
        vm = conflict.rule.vms[0] if conflict.rule.vms else None
        if vm is not None:
            ledger.fail(plan, vm, f"rule {conflict.rule.name}", conflict.fault)


def _balance(plan: Plan, ledger: Ledger) -> BalanceOutcome:
    """Balance with the chosen engine, on top of what the constraints asked for."""
    movable = plan.movable() & ~plan.held()
    engine = balance if plan.options.engine == "score" else balance_classic
    pressure = [plan.ratios(host) for host in range(len(plan.load))]
    trial = plan.copy()
    outcome = engine(trial, movable)
    if plan.options.dpm.enabled and _over_band(trial) > _over_band(plan) + 1e-9:
        return BalanceOutcome()
    plan.adopt(trial)
    for vm, priority in outcome.priority.items():
        reason = _balance_reason(pressure[int(plan.start[vm])])
        ledger.entries.setdefault(vm, Entry(reason, priority, {}, gain=outcome.gain.get(vm, 0.0)))
    _refuse_balance(plan, ledger, outcome)
    return outcome


def _over_band(plan: Plan) -> float:
    """How far hosts are above DPM's band: balancing must not create what would wake a host again."""
    return sum(high_score(utilisation(plan, demand), plan) for demand in (lead(plan), trail(plan)))


def _balance_reason(ratios: tuple[float, float, float]) -> Reason:
    """The resource that is scarcest on the source names the reason."""
    names = (Reason.CPU_BALANCE, Reason.MEM_BALANCE, Reason.NET_BALANCE)
    return names[int(np.argmax(ratios))]


def _refuse_balance(plan: Plan, ledger: Ledger, outcome: BalanceOutcome) -> None:
    """What balancing considered and left undone, with the counterfactual."""
    hosts, vms = plan.snapshot.hosts, plan.snapshot.vms
    ledger.candidates += [
        {"vm": vms.moref[c.vm], "host": hosts.moref[c.host], "gain": c.gain, "cost": c.cost, "worst": c.gain_worst,
         "verdict": c.verdict}
        for c in outcome.considered
    ]  # fmt: skip
    for chain in outcome.refused:
        would = _("would move at threshold %(priority)s") if chain.priority <= 5 else _("no threshold would move it")
        for candidate, _score in chain.steps:
            ledger.refuse(
                "migrate", vms.moref[candidate[0][0]],
                "the move to %(host)s and its like would win %(points)s points for the virtual machines of %(source)s",
                would, host=hosts.name[candidate[0][1]], source=hosts.name[chain.source],
                points=round(chain.points, 2), priority=chain.priority, threshold=plan.options.threshold,
            )  # fmt: skip
    for tried in outcome.considered:
        if tried.verdict == "too costly or risky":
            ledger.refuse(
                "migrate", vms.moref[tried.vm], "the move to %(host)s costs or risks more than it is expected to gain",
                "with cost-benefit analysis switched off", host=hosts.name[tried.host],
                gain=tried.gain, cost=tried.cost, worst=tried.gain_worst,
            )  # fmt: skip


def _ordered(plan: Plan, ledger: Ledger, power: list[PowerDecision]) -> list[Step]:
    """Lay out the moves by importance; what cannot be laid out is dropped with a fault, and with it its whole group."""
    moved = [int(vm) for vm in plan.moved]
    rows = np.array(sorted(moved, key=lambda vm: (ledger.entries[vm].priority, vm)), dtype=np.int64)
    steps, dropped = order_moves(plan, rows)
    if not dropped:
        return steps
    groups = {ledger.entries[vm].group for vm in dropped} - {""}
    for vm in dropped:
        ledger.fail(plan, vm, "the planned moves block each other")
    power[:] = [decision for decision in power if decision.group not in groups]
    for vm in rows:
        if ledger.entries[int(vm)].group in groups and plan.host_ix[vm] != plan.start[vm]:
            plan.move(int(vm), int(plan.start[vm]))
    return _ordered(plan, ledger, power)


def _note(plan: Plan, ledger: Ledger, outcome: BalanceOutcome) -> str:
    """An empty plan says why."""
    if len(plan.moved):
        return ""
    if ledger.faults:
        return _("Nothing could be moved; see the faults.")
    if outcome.refused:
        return _("Better placements exist but win less than the migration threshold asks for.")
    if plan.options.threshold <= 1:
        return _("Only mandatory moves are made at threshold 1, and none is needed.")
    return _("No move would help: the virtual machines get what they are entitled to.")


def _result(
    start: Plan, plan: Plan, ledger: Ledger, steps: list[Step], power: list[PowerDecision], present: Scores, note: str
) -> CyclePlan:
    model_before, model_after = ScoreModel(start), ScoreModel(plan)
    before, after = model_before.scores(), model_after.scores()
    unbalanced, balanced = imbalance(start), imbalance(plan)
    movable = start.movable()
    classic = plan.options.engine == "classic"
    rows: Ints = np.flatnonzero(start.on)
    return CyclePlan(
        moves=build_moves(start, plan, ledger, steps, power, before, after),
        power_actions=build_power_actions(plan, power, steps, ledger),
        faults=tuple(ledger.faults),
        refusals=tuple(ledger.refusals),
        hosts=host_loads(start, plan),
        score=present.cluster,
        score_after=after.cluster,
        bound=classic_bound(start, movable) if classic else score_bound(start),
        imbalance=unbalanced.value,
        imbalance_after=balanced.value,
        target_imbalance=unbalanced.target,
        buckets=present.buckets,
        vm_scores=named(start, rows, present.score),
        entitlement_cpu_mhz=named(start, rows, start.entitlement.cpu_mhz),
        entitlement_mem_mib=named(start, rows, start.entitlement.mem_mib),
        candidates=tuple(ledger.candidates),
        note=note,
    )
