"""Placement rules as constraints on the *planned* state.

Conflicts are settled as vSphere does: the older rule wins, the newer one is disabled and reported.  Must rules become a
(V, H) mask; VM-VM rules are looked up on the plan under construction, so that two moves of one plan can never meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.faults import DrsRuleInvalid, MethodFault, RuleConflict
from domain.snapshot import Bools, ClusterSnapshot, Ints, Rule, RuleKind
from scheduler.engine.matching import most_apart


@dataclass(frozen=True, slots=True)
class Conflict:
    """A rule that is not enforced, why, and the smallest change that would help."""

    rule: Rule
    other: Rule | None
    fault: MethodFault
    fix: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule the assignment breaks, with the VMs that would have to move."""

    rule: Rule
    vms: tuple[int, ...]


class RuleBook:
    """The rules of a snapshot that are in force.

    must_ok: (V, H) hosts that required VM-Host rules leave.  should_cost: (V, H) preferred rules broken there.
    """

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self.snapshot = snapshot
        shape = (len(snapshot.vms), len(snapshot.hosts))
        self.must_ok: Bools = np.ones(shape, dtype=bool)
        self.should_cost = np.zeros(shape, dtype=np.int16)
        self.apart: list[tuple[Rule, Ints]] = []
        self.together: list[tuple[Rule, Ints]] = []
        self.conflicts: list[Conflict] = []
        self.in_force: list[Rule] = []
        self.is_apart: Bools = np.zeros(shape[0], dtype=bool)
        self.is_together: Bools = np.zeros(shape[0], dtype=bool)
        self.groups_apart: dict[int, list[tuple[Rule, Ints]]] = {}
        self.group_together: dict[int, tuple[Rule, Ints]] = {}
        for rule in sorted((r for r in snapshot.rules if r.enabled), key=lambda r: (r.order, r.key)):
            conflict = self._conflict(rule)
            if conflict:
                self.conflicts.append(conflict)
            else:
                self._enforce(rule)

    def _enforce(self, rule: Rule) -> None:
        vms = np.array(sorted(set(rule.vms)), dtype=np.int64)
        self.in_force.append(rule)
        if rule.kind is RuleKind.AFFINITY:
            self._join(rule, vms)
        elif rule.kind is RuleKind.ANTI_AFFINITY:
            self.apart.append((rule, vms))
            self.is_apart[vms] = True
            for vm in vms:
                self.groups_apart.setdefault(int(vm), []).append((rule, vms))
        elif rule.mandatory:
            self.must_ok[vms] &= self.hosts_of(rule)
        else:
            self.should_cost[vms] += ~self.hosts_of(rule)

    def _join(self, rule: Rule, vms: Ints) -> None:
        """Rules that share a VM keep all their members together: they count as one group, named after the oldest."""
        name = next((self.group_together[int(vm)][0] for vm in vms if int(vm) in self.group_together), rule)
        whole = self._closure(vms)
        joined = {id(self.group_together[int(vm)][1]) for vm in whole if int(vm) in self.group_together}
        self.together = [pair for pair in self.together if id(pair[1]) not in joined]
        self.together.append((name, whole))
        self.is_together[whole] = True
        for vm in whole:
            self.group_together[int(vm)] = (name, whole)

    def _closure(self, vms: Ints) -> Ints:
        """A VM set with everything that other rules keep together with it."""
        whole = set(vms.tolist())
        for vm in vms:
            if int(vm) in self.group_together:
                whole |= set(self.group_together[int(vm)][1].tolist())
        return np.array(sorted(whole), dtype=np.int64)

    def hosts_of(self, rule: Rule) -> Bools:
        """(H,) hosts a VM-Host rule permits."""
        listed = np.zeros(len(self.snapshot.hosts), dtype=bool)
        listed[list(rule.hosts)] = True
        return listed if rule.affine else ~listed

    def _conflict(self, rule: Rule) -> Conflict | None:
        if rule.kind is RuleKind.VM_HOST:
            return self._vm_host_conflict(rule)
        if len(set(rule.vms)) < 2:
            fault = DrsRuleInvalid(rule=rule.name, reason="a rule between virtual machines needs at least two")
            return Conflict(rule, None, fault, "Add a virtual machine or delete the rule.")
        if rule.kind is RuleKind.ANTI_AFFINITY:
            return self._apart_conflict(rule)
        return self._together_conflict(rule)

    def _vm_host_conflict(self, rule: Rule) -> Conflict | None:
        permitted = self.hosts_of(rule)
        if not permitted.any():
            fault = DrsRuleInvalid(rule=rule.name, reason="it leaves no host")
            return Conflict(rule, None, fault, "Add a host to the host group.")
        if not rule.mandatory:
            return None
        for vm in rule.vms:
            if not (self.must_ok[vm] & permitted).any():
                return self._against(rule, self._must_rule_of(vm), f"“{self.snapshot.vms.name[vm]}” would have no host")
        for vm in rule.vms:
            other, vms = self.group_together.get(vm, (None, None))
            if vms is not None and not (self.must_ok[vms].all(axis=0) & permitted).any():
                return self._against(rule, other, "the virtual machines kept together would have no common host")
        for other, vms in self.apart:
            if most_apart(self.must_ok[vms] & (permitted | ~np.isin(vms, rule.vms)[:, None])) < len(vms):
                return self._against(rule, other, "the virtual machines kept apart would have too few hosts")
        return None

    def _apart_conflict(self, rule: Rule) -> Conflict | None:
        members = sorted(set(rule.vms))
        for vm in members:
            other, vms = self.group_together.get(vm, (None, ()))
            if len(set(vms) & set(members)) >= 2:
                return self._against(rule, other, "it separates virtual machines that the other keeps together")
        reachable = most_apart(self.must_ok[members])
        if reachable < len(members):
            fault = DrsRuleInvalid(
                rule=rule.name, reason=f"{len(members)} virtual machines cannot be separated on {reachable} hosts"
            )
            return Conflict(rule, None, fault, f"Take {len(members) - reachable} virtual machines out of the rule.")
        return None

    def _together_conflict(self, rule: Rule) -> Conflict | None:
        members = self._closure(np.array(sorted(set(rule.vms)), dtype=np.int64))
        tied = set(members.tolist())
        for vm in tied:
            for other, vms in self.groups_apart.get(vm, ()):
                if len(tied & set(vms.tolist())) >= 2:
                    return self._against(rule, other, "it joins virtual machines that the other separates")
        if not self.must_ok[members].all(axis=0).any():
            return self._against(rule, self._must_rule_of(int(members[0])), "its virtual machines have no common host")
        return None

    def _against(self, rule: Rule, other: Rule | None, reason: str) -> Conflict:
        name = other.name if other else ""
        fault = RuleConflict(rule=rule.name, other=name, reason=reason)
        fix = f"Disable “{rule.name}” or “{name}”, or take the shared members out of one."
        return Conflict(rule, other, fault, fix)

    def _must_rule_of(self, vm: int) -> Rule | None:
        return next((r for r in self.in_force if r.kind is RuleKind.VM_HOST and r.mandatory and vm in r.vms), None)

    # --- looked up on a plan --------------------------------------------------------------------------------------
    def meets(self, vms: Ints, host_ix: Ints, on: Bools, hosts: int) -> Bools:
        """(n, H) hosts where a running partner of an anti-affinity rule would be met under an assignment."""
        blocked = np.zeros((len(vms), hosts), dtype=bool)
        for row in np.flatnonzero(self.is_apart[vms]):
            vm = int(vms[row])
            for _, members in self.groups_apart[vm]:
                others = members[(members != vm) & on[members] & (host_ix[members] >= 0)]
                blocked[row, host_ix[others]] = True
        return blocked

    def partners(self, vm: int, host_ix: Ints, on: Bools, hosts: int) -> Ints:
        """(H,) how many running VMs that belong with one VM each host has."""
        if vm not in self.group_together:
            return np.zeros(hosts, dtype=np.int64)
        members = self.group_together[vm][1]
        others = members[(members != vm) & on[members] & (host_ix[members] >= 0)]
        return np.bincount(host_ix[others], minlength=hosts)

    def apart_name(self, vm: int, host: int, host_ix: Ints) -> str:
        """Name of the rule that keeps a VM off a host because a partner is there."""
        for rule, members in self.groups_apart.get(vm, ()):
            if any(host_ix[other] == host for other in members if other != vm):
                return rule.name
        return ""

    def must_name(self, vm: int, host: int) -> str:
        """Name of the required rule that keeps a VM off a host."""
        for rule in self.in_force:
            if rule.kind is RuleKind.VM_HOST and rule.mandatory and vm in rule.vms and not self.hosts_of(rule)[host]:
                return rule.name
        return ""

    def group_of(self, rule: Rule) -> Ints:
        """Everybody a keep-together rule ties, directly or through other rules."""
        return self.group_together[rule.vms[0]][1]

    def violations(self, host_ix: Ints, on: Bools) -> list[Violation]:
        """Every rule in force that an assignment breaks, in vSphere's order of repair."""
        found: list[Violation] = []
        for mandatory in (True, False):
            found += [v for rule in self.in_force if (v := self._misplaced(rule, host_ix, on, mandatory))]
            if mandatory:
                found += [v for rule, vms in self.apart if (v := _crowded(rule, vms, host_ix, on))]
                found += [v for rule, vms in self.together if (v := _scattered(rule, vms, host_ix, on))]
        return found

    def _misplaced(self, rule: Rule, host_ix: Ints, on: Bools, mandatory: bool) -> Violation | None:
        if rule.kind is not RuleKind.VM_HOST or rule.mandatory is not mandatory:
            return None
        permitted = self.hosts_of(rule)
        wrong = tuple(v for v in rule.vms if on[v] and host_ix[v] >= 0 and not permitted[host_ix[v]])
        return Violation(rule, wrong) if wrong else None


def _crowded(rule: Rule, vms: Ints, host_ix: Ints, on: Bools) -> Violation | None:
    """All but one of the members that share a host."""
    seen: set[int] = set()
    extra = []
    for vm in vms:
        host = int(host_ix[vm])
        if on[vm] and host >= 0:
            if host in seen:
                extra.append(int(vm))
            seen.add(host)
    return Violation(rule, tuple(extra)) if extra else None


def _scattered(rule: Rule, vms: Ints, host_ix: Ints, on: Bools) -> Violation | None:
    """The members away from the host that most of them share."""
    running = vms[on[vms] & (host_ix[vms] >= 0)]
    if len(running) < 2 or len(set(host_ix[running].tolist())) == 1:
        return None
    common = int(np.bincount(host_ix[running]).argmax())
    return Violation(rule, tuple(int(v) for v in running if host_ix[v] != common))
