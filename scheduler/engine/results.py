"""What a plan says: moves, host power actions, faults and refusals, with the numbers they rest on.

Everything is plain data with a ``to_dict`` for JSON, so that "why" and "why not" are look-ups later.  Sentences are
English %-templates with fields; the application translates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

from domain.faults import MethodFault
from domain.text import _

Numbers = dict[str, float]


class Reason(StrEnum):
    """vSphere's recommendation reason codes that this engine gives."""

    CPU_BALANCE = "fairnessCpuAvg"
    MEM_BALANCE = "fairnessMemAvg"
    NET_BALANCE = "balanceNetworkBandwidthUsage"
    AFFINITY = "jointAffin"
    ANTI_AFFINITY = "antiAffin"
    MAINTENANCE = "hostMaint"
    STANDBY = "enterStandby"
    CPU_RESERVATION = "reservationCpu"
    MEM_RESERVATION = "reservationMem"
    POWER_ON_VM = "powerOnVm"
    POWER_SAVING = "powerSaving"
    MORE_CAPACITY = "increaseCapacity"
    FREE_CAPACITY = "unreservedCapacity"
    MUST_RULE = "vmHostHardAffinity"
    SHOULD_RULE = "vmHostSoftAffinity"
    EVEN_COUNT = "maxVmsConstraint"
    RESTART = "failover"


REASON_TEXT: dict[Reason, str] = {
    Reason.CPU_BALANCE: _("Balance CPU load: %(source)s is at %(source_cpu_pct)s %% of its CPU"),
    Reason.MEM_BALANCE: _("Balance memory load: %(source)s is at %(source_mem_pct)s %% of its memory"),
    Reason.NET_BALANCE: _("Balance network load: %(source)s is at %(source_net_pct)s %% of its network"),
    Reason.AFFINITY: _("Satisfy the affinity rule “%(rule)s”"),
    Reason.ANTI_AFFINITY: _("Satisfy the anti-affinity rule “%(rule)s”"),
    Reason.MAINTENANCE: _("Host %(source)s is entering maintenance mode"),
    Reason.STANDBY: _("Host %(source)s is entering standby mode"),
    Reason.CPU_RESERVATION: _("Satisfy CPU reservations on host %(source)s"),
    Reason.MEM_RESERVATION: _("Satisfy memory reservations on host %(source)s"),
    Reason.POWER_ON_VM: _("Power on the virtual machine"),
    Reason.POWER_SAVING: _("Save power: %(source)s can be powered off"),
    Reason.MORE_CAPACITY: _("Increase capacity: demand exceeds the target utilisation"),
    Reason.FREE_CAPACITY: _("Keep enough unreserved capacity for failover and minimum capacity"),
    Reason.MUST_RULE: _("Satisfy the rule “%(rule)s” (must run on)"),
    Reason.SHOULD_RULE: _("Satisfy the rule “%(rule)s” (should run on)"),
    Reason.EVEN_COUNT: _("Distribute virtual machines more evenly across hosts"),
    Reason.RESTART: _("Restart after the failure of host %(source)s"),
}


def rating(priority: int) -> int:
    """The wire's number: 5 = most important."""
    return 6 - priority


@dataclass(frozen=True, slots=True)
class Move:
    """One recommended migration.

    key: "m<n>", unique in the plan.  group: moves with the same group are applied together or not at all.
    prerequisites: keys that must have finished before.  automatic: runs without a person.  before, after: the numbers
    the decision rests on (host utilisation ratios, scores, gain and cost).
    """

    key: str
    vm: str
    source: str
    destination: str
    priority: int
    reason: Reason
    fields: Mapping[str, Any]
    before: Numbers
    after: Numbers
    prerequisites: tuple[str, ...] = ()
    group: str = ""
    automatic: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON form, with the wire's rating and the sentence template."""
        return {**asdict(self), "reason": self.reason.value, "rating": rating(self.priority),
                "reason_text": REASON_TEXT[self.reason]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PowerAction:
    """One recommended host power operation: operation is "powerOn" or "powerOff"."""

    key: str
    host: str
    operation: str
    priority: int
    reason: Reason
    fields: Mapping[str, Any]
    before: Numbers
    after: Numbers
    prerequisites: tuple[str, ...] = ()
    group: str = ""
    automatic: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), "reason": self.reason.value, "rating": rating(self.priority),
                "reason_text": REASON_TEXT[self.reason]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class VmFault:
    """Why something wanted for a VM could not be planned.  hosts: per host moref the fault that excluded it."""

    vm: str
    problem: str
    fault: MethodFault
    hosts: Mapping[str, MethodFault] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"vm": self.vm, "problem": self.problem, "fault": self.fault.to_dict(),
                "hosts": {host: fault.to_dict() for host, fault in self.hosts.items()}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something considered and not done: a host not powered off or on, a move not made.

    kind: "powerOff", "powerOn" or "migrate".  counterfactual: what would have to differ (%-template over fields).
    """

    kind: str
    entity: str
    reason: str
    fields: Mapping[str, Any]
    counterfactual: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HostLoad:
    """One host before and after the plan; shares of what it can give to VMs."""

    host: str
    cpu_ratio: float
    mem_ratio: float
    cpu_ratio_after: float
    mem_ratio_after: float
    vms: int
    vms_after: int


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """Everything one DRS cycle decided and why.

    score, score_after: the cluster's DRS score 0..100.  bound: no plan can do better than this score (for the classic
    engine: no lower imbalance).  imbalance: classic I, before and after.  vm_scores, entitlement_*: by VM moref.
    """

    moves: tuple[Move, ...]
    power_actions: tuple[PowerAction, ...]
    faults: tuple[VmFault, ...]
    refusals: tuple[Refusal, ...]
    hosts: tuple[HostLoad, ...]
    score: float
    score_after: float
    bound: float
    imbalance: float
    imbalance_after: float
    target_imbalance: float
    buckets: tuple[int, ...]
    vm_scores: Mapping[str, float]
    entitlement_cpu_mhz: Mapping[str, float]
    entitlement_mem_mib: Mapping[str, float]
    candidates: tuple[Mapping[str, Any], ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form of the decision record; a number that is not finite (no target at threshold 1) is null."""
        numbers = ("score", "score_after", "bound", "imbalance", "imbalance_after", "target_imbalance")
        return {
            "note": self.note,
            **{key: value if isfinite(value := getattr(self, key)) else None for key in numbers},
            **{key: [item.to_dict() for item in getattr(self, key)]
               for key in ("moves", "power_actions", "faults", "refusals")},
            "hosts": [asdict(host) for host in self.hosts],
            "buckets": list(self.buckets),
            "vm_scores": dict(self.vm_scores),
            "entitlement_cpu_mhz": dict(self.entitlement_cpu_mhz),
            "entitlement_mem_mib": dict(self.entitlement_mem_mib),
            "candidates": [dict(candidate) for candidate in self.candidates],
        }  # fmt: skip
