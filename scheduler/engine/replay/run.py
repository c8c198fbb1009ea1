"""Replay a recorded day through a policy: the one entry for pages, commands and tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.hardware import SERVER_MODELS
from domain.testbed import HostModel, Testbed, host_model
from domain.text import _
from domain.traces import TraceSet
from scheduler.engine.replay import peers
from scheduler.engine.replay.bounds import bound_kwh
from scheduler.engine.replay.consolidation import ConsolidationPolicy
from scheduler.engine.replay.fleet import HostFleet, Ints, Workload
from scheduler.engine.replay.literature import LiteratureDay
from scheduler.engine.replay.physical import PhysicalDay
from scheduler.engine.replay.placement import PlacementError, spread_by_ram
from scheduler.engine.replay.policy import Decision, Placement, Policy, PolicyTraits, View
from scheduler.engine.replay.result import ReplayResult

POLICIES: dict[str, Callable[[], Policy]] = {
    "npa": peers.npa,
    "dvfs": peers.dvfs,
    "lr-mmt": peers.lr_mmt,
    "thr-mmt": peers.thr_mmt,
    "ours": ConsolidationPolicy,
}
SEMANTICS = ("literature", "physical")
MODERN_MODEL = "dell-r740"
MODERN_SPARE_RATIO = 0.5  # hosts beyond those that all RAM needs
Watch = Callable[[int], None]  # called with each step; what it raises ends the run


@dataclass(frozen=True)
class Setting:
    """The hosts and the work that a policy is tried on."""

    fleet: HostFleet
    work: Workload
    semantics: str
    overcommitted: bool = False  # a policy that would reserve more CPU than there is starts from an even spread


class ReplayError(ValueError):
    """The replay was asked for something it has not got. ``template`` and ``fields`` as in domain.traces.TraceError."""

    def __init__(self, template: str, **fields: object) -> None:
        super().__init__(template % fields)
        self.template = template
        self.fields = fields


def setting(traces: TraceSet, testbed: Testbed, semantics: str, hosts: Sequence[HostModel] | None = None) -> Setting:
    """The published setting, or, where the trace knows its VMs' sizes and RAM is enforced, those VMs on modern hosts.

    ``hosts`` replaces the hosts. Raises ReplayError for unknown semantics.
    """
    if semantics not in SEMANTICS:
        raise ReplayError(_("unknown semantics %(name)s: %(known)s"), name=semantics, known=", ".join(SEMANTICS))
    sized = semantics == "physical" and traces.mem_cap_mib is not None
    work = Workload.recorded(traces, testbed.vm_types) if sized else Workload.typed(traces, testbed.vm_types)
    models = hosts or (modern_hosts(work) if sized else testbed.benchmark_hosts())
    return Setting(HostFleet.of(models), work, semantics)


def own_setting(traces: TraceSet, testbed: Testbed, semantics: str, hosts: Sequence[HostModel]) -> Setting:
    """A site's own hosts, and VMs of the size they were recorded with (of the testbed's types where it is not known).

    Raises ReplayError for unknown semantics or where there is no host.
    """
    if semantics not in SEMANTICS:
        raise ReplayError(_("unknown semantics %(name)s: %(known)s"), name=semantics, known=", ".join(SEMANTICS))
    if not hosts:
        raise ReplayError(_("there is no host to replay the day on"))
    return Setting(HostFleet.of(hosts), Workload.recorded(traces, testbed.vm_types), semantics, overcommitted=True)


def modern_hosts(work: Workload) -> tuple[HostModel, ...]:
    """Enough hosts of a current model for the RAM of ``work``, and half as many again.

    Its RAM is doubled until the greatest VM fits, and its clock is that of the fastest VM: such variants are sold.
    """
    model = host_model(SERVER_MODELS[MODERN_MODEL])
    doublings = max(0, math.ceil(math.log2(float(work.ram_mib.max()) / model.ram_mib)))
    clock_mhz = max(model.mips_per_core, float((work.mips / work.cores).max()))
    model = replace(model, ram_mib=model.ram_mib * 2**doublings, mips_per_core=clock_mhz)
    needed = math.ceil(float(work.ram_mib.sum()) / model.ram_mib)
    return (model,) * (needed + math.ceil(needed * MODERN_SPARE_RATIO))


def replay(
    traces: TraceSet,
    testbed: Testbed,
    policy: str,
    semantics: str,
    hosts: Sequence[HostModel] | None = None,
    seed: int = 0,
) -> ReplayResult:
    """Replay ``traces`` through ``policy`` (a key of POLICIES) and hold the energy against its bound.

    Raises ReplayError for an unknown policy or semantics, PlacementError if a VM fits on no host.
    """
    where = setting(traces, testbed, semantics, hosts)
    result = run_policy(where, policy, seed)
    return replace(result, bound_kwh=bound_kwh(where.fleet, where.work, semantics))


def run_policy(where: Setting, policy: str, seed: int = 0, watch: Watch | None = None) -> ReplayResult:
    """One run, without the bound. ``seed`` decides boot times in the physical semantics; ``watch`` sees each step."""
    if policy not in POLICIES:
        raise ReplayError(_("unknown policy %(name)s: %(known)s"), name=policy, known=", ".join(POLICIES))
    chosen = POLICIES[policy]()
    if watch is not None or where.overcommitted:
        chosen = _Guided(chosen, watch or (lambda step: None), where.overcommitted)
    if where.semantics == "literature":
        return LiteratureDay(where.fleet, where.work, chosen).run()
    return PhysicalDay(where.fleet, where.work, chosen, seed).run()


class _Guided:
    """A policy that says at which step it is, and that finds a start where it cannot reserve all CPU."""

    def __init__(self, policy: Policy, watch: Watch, overcommitted: bool) -> None:
        self._policy, self._watch, self._overcommitted = policy, watch, overcommitted

    @property
    def traits(self) -> PolicyTraits:
        return self._policy.traits

    def place(self, start: Placement) -> Ints:
        try:
            return self._policy.place(start)
        except PlacementError:
            if not self._overcommitted:
                raise
            return spread_by_ram(start)

    def decide(self, view: View) -> Decision:
        self._watch(view.step)
        return self._policy.decide(view)
