"""Why does this VM stay where it is?  One answer for the VM, one for every host, each with what would have to differ.

Nothing is remembered for it: a recorded cycle's snapshot and options say it again, for any VM, also for one that no
cycle had a reason to look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from domain.faults import MethodFault
from domain.snapshot import ClusterSnapshot
from domain.text import _
from scheduler.engine.balance import LEAST_POINTS
from scheduler.engine.classic import imbalance
from scheduler.engine.compat import Against
from scheduler.engine.costs import judge
from scheduler.engine.options import SCORE_GAIN, DrsOptions
from scheduler.engine.score import ScoreModel
from scheduler.engine.state import Plan

_RULES = Against.MUST_RULE | Against.ANTI_AFFINITY


@dataclass(frozen=True, slots=True)
class Answer:
    """reason, counterfactual: %-templates over fields; no counterfactual where nothing would change it."""

    reason: str
    counterfactual: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"reason": self.reason, "counterfactual": self.counterfactual, "fields": dict(self.fields)}


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """What speaks for and against one host.  points: mean score points that the VMs of the source would win; gain, cost
    as in the plan's candidates; all None where nobody can tell, because the host is no host for the VM at all."""

    host: str
    answer: Answer
    points: float | None = None
    score: float | None = None
    fault: MethodFault | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        fault = self.fault.to_dict() if self.fault else None
        return {"host": self.host, "points": self.points, "score": self.score, "fault": fault, **self.answer.to_dict()}


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why one VM stays.  answer: what holds for the VM whatever the host; None where it depends on the host."""

    vm: str
    host: str
    answer: Answer | None
    hosts: tuple[HostAnswer, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"vm": self.vm, "host": self.host, "answer": self.answer.to_dict() if self.answer else None,
                "hosts": [one.to_dict() for one in self.hosts]}  # fmt: skip


def why_not(snapshot: ClusterSnapshot, options: DrsOptions, now_s: float, vm: int) -> WhyNot:
    """Look at one VM (a row of the snapshot) as a cycle at lab time ``now_s`` would have."""
    plan = Plan(snapshot, options, now_s)
    source = int(plan.host_ix[vm])
    name = snapshot.hosts.moref[source] if source >= 0 else ""
    if not plan.on[vm] or source < 0:
        off = Answer(_("It is powered off: DRS chooses a host when it is powered on."))
        return WhyNot(snapshot.vms.moref[vm], name, off, ())
    return WhyNot(snapshot.vms.moref[vm], name, _of_vm(plan, vm, source), _of_hosts(plan, vm, source))


# --- the VM ----------------------------------------------------------------------------------------------------------
def _of_vm(plan: Plan, vm: int, source: int) -> Answer | None:
    """What keeps the VM from being balanced wherever it might go."""
    options, hosts = plan.options, plan.snapshot.hosts
    obstacle = plan.obstacle(vm)
    if obstacle is not None:
        return Answer(_("It cannot be moved: %(why)s"), _("without that"), {"why": obstacle.sentence})
    if not options.enabled:
        return Answer(_("DRS is turned off"), _("with DRS turned on"))
    if options.threshold <= 1:
        return Answer(_("At threshold 1 only mandatory moves are made, and none is needed for it."),
                      _("would be looked at from threshold 2"))  # fmt: skip
    ago_s = plan.now_s - float(plan.snapshot.vms.moved_s[vm])
    if ago_s < options.hold_s:
        times = {"ago_s": round(ago_s), "hold_s": round(options.hold_s), "left_s": round(options.hold_s - ago_s)}
        return Answer(_("It was moved %(ago_s)s s ago; balancing leaves it alone for %(hold_s)s s."),
                      _("in %(left_s)s s"), times)  # fmt: skip
    return _balanced(plan) if options.engine == "classic" else _content(plan, source, hosts.name[source])


def _content(plan: Plan, source: int, name: str) -> Answer | None:
    """The score engine leaves hosts alone whose VMs lose hardly anything."""
    model = ScoreModel(plan)
    lost = model.ideal_value(source) - float(model.host_values(np.array([source]))[0])
    points = lost / max(float(plan.load[source, 3]), 1e-12)
    least = SCORE_GAIN[plan.options.threshold]
    fields = {"source": name, "points": round(points, 2), "least": least, "threshold": plan.options.threshold}
    if points <= LEAST_POINTS:
        reason = _("The virtual machines of %(source)s get what they ask for: they lose %(points)s points in all to "
                   "contention, nobody would gain.")  # fmt: skip
        return Answer(reason, _("if %(source)s were short of something"), fields)
    if points <= least:
        bolder = next((level for level in SCORE_GAIN if SCORE_GAIN[level] < points), None)
        would = _("would be looked at from threshold %(bolder)s") if bolder else _("no threshold would look at it")
        reason = _("The virtual machines of %(source)s lose %(points)s points to contention; threshold %(threshold)s "
                   "asks for a gain of %(least)s.")  # fmt: skip
        return Answer(reason, would, {**fields, "bolder": bolder})
    return None


def _balanced(plan: Plan) -> Answer | None:
    """The classic engine stops below the target of the threshold."""
    state = imbalance(plan)
    if state.value > state.target:
        return None
    fields = {"value": round(state.value, 3), "target": round(state.target, 3), "threshold": plan.options.threshold}
    return Answer(_("The load imbalance of %(value)s is within the target %(target)s of threshold %(threshold)s."),
                  _("with a bolder threshold, whose target is lower"), fields)  # fmt: skip


# --- the hosts -------------------------------------------------------------------------------------------------------
def _of_hosts(plan: Plan, vm: int, source: int) -> tuple[HostAnswer, ...]:
    """Every other host: first the best ones, then those that cannot be."""
    targets = np.array([host for host in range(len(plan.load)) if host != source], dtype=np.int64)
    if not len(targets):
        return ()
    codes = plan.against(np.array([vm]))[0]
    known = targets[(codes[targets] & ~np.uint32(_RULES)) == 0]  # what a rule alone forbids is worked out all the same
    gains = ScoreModel(plan).gains([[(vm, int(host))] for host in known]) if len(known) else np.zeros(0)
    gain_at = dict(zip(known.tolist(), gains.tolist(), strict=True))
    scores = dict(zip(known.tolist(), ScoreModel(plan).predict(vm, known).tolist(), strict=True)) if len(known) else {}
    answers = [_of_host(plan, vm, int(host), gain_at.get(int(host)), scores.get(int(host))) for host in targets]
    return tuple(sorted(answers, key=lambda one: (one.fault is not None, -(one.points or 0.0))))


def _of_host(plan: Plan, vm: int, host: int, gain: float | None, score: float | None) -> HostAnswer:
    moref, fault = plan.snapshot.hosts.moref[host], plan.fault(vm, host)
    if gain is None:
        why = fault.sentence if fault else ""
        return HostAnswer(moref, Answer("%(why)s", "", {"why": why}), fault=fault)
    points = gain / max(float(plan.load[plan.host_ix[vm], 3]), 1e-12)
    priority = next((level for level, least in SCORE_GAIN.items() if points >= least), 6)
    fields = {"points": round(points, 2), "priority": priority, "threshold": plan.options.threshold}
    if fault is not None:
        return HostAnswer(moref, _ruled_out(fault, points, fields), points, score, fault)
    return HostAnswer(moref, _weighed(plan, vm, host, gain, priority, fields), points, score)


def _ruled_out(fault: MethodFault, points: float, fields: dict[str, Any]) -> Answer:
    """A host that only a rule keeps it off."""
    blocked = {**fields, "rule": fault.fields.get("rule", ""), "why": fault.sentence}
    if points <= 0:
        return Answer("%(why)s", _("without the rule “%(rule)s” it would win nothing there either"), blocked)
    return Answer("%(why)s", _("without the rule “%(rule)s” it would win %(points)s points"), blocked)


def _weighed(plan: Plan, vm: int, host: int, gain: float, priority: int, fields: dict[str, Any]) -> Answer:
    """A host that is open to it."""
    source = int(plan.host_ix[vm])
    should = plan.rules.should_cost[vm]
    if should[host] > should[source]:
        return Answer(_("a preferred rule wants it elsewhere"), _("without that rule"), fields)
    if gain <= 1e-9:
        return Answer(_("nobody would gain: %(points)s points"), "", fields)
    verdict = judge(plan, np.array([vm]), np.array([host]), np.array([gain]))
    numbers = {**fields, "cost": round(float(verdict.cost[0]), 3), "gain": round(gain * float(verdict.stable_s[0]), 3)}
    if not verdict.accepted[0]:
        return Answer(_("it would win %(points)s points, but the move costs or risks more than that is worth"),
                      _("with cost-benefit analysis switched off"), numbers)  # fmt: skip
    if priority > plan.options.threshold:
        would = _("alone it would move at threshold %(priority)s") if priority <= 5 else ""
        return Answer(_("alone it would win %(points)s points, less than threshold %(threshold)s asks for"), would,
                      numbers)  # fmt: skip
    return Answer(_("a good place: it would win %(points)s points, others were to be moved first"), "", numbers)
