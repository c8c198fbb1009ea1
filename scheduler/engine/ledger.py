"""Notes of a cycle: why each VM was moved, what failed, what was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.faults import MethodFault, NoCompatibleHost
from scheduler.engine.results import Reason, Refusal, VmFault
from scheduler.engine.state import Plan


@dataclass(slots=True)
class Entry:
    """Why one VM moves."""

    reason: Reason
    priority: int
    fields: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    gain: float = 0.0


@dataclass(slots=True)
class Ledger:
    """Collected while a plan is made; rows are VM rows.

    homeless: VMs that have to move and that no powered-on host takes.  candidates: what balancing looked at, as JSON.
    """

    entries: dict[int, Entry] = field(default_factory=dict)
    faults: list[VmFault] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    homeless: list[int] = field(default_factory=list)
    candidates: list[dict[str, Any]] = field(default_factory=list)

    def copy(self) -> Ledger:
        """An independent copy for a what-if."""
        twin = Ledger(dict(self.entries), list(self.faults), list(self.refusals), list(self.homeless))
        twin.candidates = list(self.candidates)
        return twin

    def note(self, vm: int, reason: Reason, priority: int, group: str = "", **fields: Any) -> None:
        """A VM was moved; the first reason stays (steps run in order of importance)."""
        self.entries.setdefault(vm, Entry(reason, priority, fields, group))

    def fail(
        self, plan: Plan, vm: int, problem: str, fault: MethodFault | None = None,
        hosts: Mapping[str, MethodFault] | None = None,
    ) -> None:  # fmt: skip
        """A VM that should move cannot; without a fault, every host refused it and each says why."""
        name, hosts = plan.snapshot.vms.name[vm], hosts or {}
        if fault is None:
            hosts = plan.faults(vm)
            fault = NoCompatibleHost(name=name, reason=summary(hosts))
        self.faults.append(VmFault(plan.snapshot.vms.moref[vm], problem, fault, hosts))

    def refuse(self, kind: str, entity: str, reason: str, counterfactual: str = "", **fields: Any) -> None:
        """Something was considered and not done."""
        self.refusals.append(Refusal(kind, entity, reason, fields, counterfactual))


def summary(hosts: Mapping[str, MethodFault]) -> str:
    """The commonest reason in one sentence."""
    if not hosts:
        return "there is no other host"
    names = [fault.name for fault in hosts.values()]
    common = max(sorted(set(names)), key=names.count)
    example = next(fault for fault in hosts.values() if fault.name == common)
    return f"{example.sentence} ({names.count(common)} of {len(names)} hosts)"
