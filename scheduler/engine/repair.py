"""Constraint correction: what must be put right before anybody thinks of balance.

In order: hosts that must be emptied, required VM-Host rules, separation, keeping together, reservations, preferred
rules.  Every step looks at the planned state.  One VM that cannot be helped gets a fault and never stops the others.
"""

from __future__ import annotations

import numpy as np

from domain.faults import SoftRuleVioCorrectionDisallowed
from domain.snapshot import Floats, Ints, Rule, RuleKind
from scheduler.engine.compat import Against
from scheduler.engine.ledger import Ledger, summary
from scheduler.engine.results import Reason
from scheduler.engine.rules import Violation
from scheduler.engine.state import Plan
from scheduler.engine.surrogate import host_loss

_ROOM_OR_PARTNER = Against.CPU_ROOM | Against.MEM_ROOM | Against.VCPU_ROOM | Against.VM_COUNT | Against.ANTI_AFFINITY
_TRIES = 12  # VMs looked at to make room on one host
_MANDATORY, _PREFERRED = 1, 2


def choose_host(plan: Plan, vm: int, allowed: Ints | None = None) -> int | None:
    """The best open host for a VM: fewest preferred rules broken, most VMs it belongs with, memory not overfilled,
    least score lost.

    allowed: host rows to choose from, all if omitted.  None if no host is open.
    """
    rows = np.array([vm])
    hosts = np.flatnonzero(plan.open_hosts(rows)[0])
    if allowed is not None:
        hosts = hosts[np.isin(hosts, allowed)]
    if not len(hosts):
        return None
    should, overfull, loss = plan.rules.should_cost[vm, hosts], _overfull(plan, vm, hosts), _loss_added(plan, vm, hosts)
    partners = -plan.rules.partners(vm, plan.host_ix, plan.on & plan.accepting[plan.host_ix], len(plan.room))[hosts]
    return int(hosts[np.lexsort((hosts, _fullness(plan, vm, hosts), loss, overfull, partners, should))[0]])


def _overfull(plan: Plan, vm: int, hosts: Ints) -> Floats:
    """Memory demand that would not fit, relative to the host."""
    capacity = np.maximum(plan.snapshot.hosts.mem_capacity_mib[hosts], 1.0)
    over: Floats = np.maximum(plan.load[hosts, 1] + plan.burden[vm, 1] - capacity, 0.0) / capacity
    return over


def _loss_added(plan: Plan, vm: int, hosts: Ints) -> Floats:
    """Estimated score points lost by adding the VM, rounded so that nearly equal hosts count as equal."""
    table = plan.snapshot.hosts
    added = host_loss(plan.load[hosts] + plan.burden[vm], table, hosts) - host_loss(plan.load[hosts], table, hosts)
    rounded: Floats = np.round(added / max(float(plan.burden[vm, 3]), 1e-12), 2)
    return rounded


def _fullness(plan: Plan, vm: int, hosts: Ints) -> Floats:
    """Share of the scarcer resource in use with the VM on it."""
    table = plan.snapshot.hosts
    cpu = (plan.load[hosts, 0] + plan.burden[vm, 0]) / np.maximum(table.cpu_capacity_mhz[hosts], 1e-9)
    mem = (plan.load[hosts, 1] + plan.burden[vm, 1]) / np.maximum(table.mem_capacity_mib[hosts], 1e-9)
    fuller: Floats = np.maximum(cpu, mem)
    return fuller


def relocate(plan: Plan, ledger: Ledger, vm: int, reason: Reason, priority: int, problem: str, **fields: str) -> bool:
    """Move one VM to its best host, making room if needed; note the reason or the fault."""
    obstacle = plan.obstacle(vm)
    if obstacle is not None:
        ledger.fail(plan, vm, problem, obstacle)
        return False
    host = choose_host(plan, vm)
    if host is None:
        host = make_room(plan, ledger, vm, reason, priority, fields)
    if host is None:
        ledger.fail(plan, vm, problem)
        ledger.homeless.append(vm)
        return False
    plan.move(vm, host)
    ledger.note(vm, reason, priority, **fields)
    return True


def make_room(plan: Plan, ledger: Ledger, vm: int, reason: Reason, priority: int, fields: dict[str, str]) -> int | None:
    """Send one other VM away so that ``vm`` fits somewhere.  Returns the host that is open now."""
    codes = plan.against(np.array([vm]))[0]
    hosts = np.flatnonzero((codes != 0) & ((codes & ~np.uint32(_ROOM_OR_PARTNER)) == 0))
    if plan.on[vm]:
        hosts = hosts[hosts != plan.host_ix[vm]]
    movable = plan.movable()
    for host in hosts[np.argsort(_fullness(plan, vm, hosts), kind="stable")]:
        members = plan.members(int(host))
        members = members[movable[members] & (plan.host_ix[members] == plan.start[members])]
        short = plan.needs[vm] - plan.room[host]
        enough = members[(plan.needs[members] >= short - 1e-6).all(axis=1)]
        for other in enough[np.argsort(plan.burden[enough, 1], kind="stable")][:_TRIES]:
            if _try_away(plan, int(other), vm, int(host)):
                ledger.note(int(other), reason, priority, **fields)
                return int(host)
    return None


def _try_away(plan: Plan, other: int, vm: int, host: int) -> bool:
    """Move ``other`` off a host; keep that only if ``vm`` fits there then."""
    refuge = choose_host(plan, other)
    if refuge is None or refuge == plan.host_ix[vm]:
        return False
    plan.move(other, refuge)
    if plan.open_hosts(np.array([vm]))[0, host]:
        return True
    plan.move(other, host)
    return False


# --- the steps of a cycle -------------------------------------------------------------------------------------------
def evacuate(plan: Plan, ledger: Ledger, host: int, reason: Reason) -> bool:
    """Empty one host, biggest VMs first.  True if nothing running is left."""
    done = True
    members = plan.members(host)
    order = np.lexsort((members, -plan.needs[members, 1], -plan.burden[members, 1]))
    for vm in members[order]:
        problem = f"evacuate {plan.snapshot.hosts.name[host]}"
        source = plan.snapshot.hosts.name[host]
        done &= relocate(plan, ledger, int(vm), reason, _MANDATORY, problem, source=source)
    return done


def evacuate_leaving_hosts(plan: Plan, ledger: Ledger) -> None:
    """Hosts entering maintenance or standby mode."""
    hosts = plan.snapshot.hosts
    for host in np.flatnonzero(hosts.evacuating):
        standby = hosts.entering_standby[host] and not hosts.entering_maintenance[host]
        evacuate(plan, ledger, int(host), Reason.STANDBY if standby else Reason.MAINTENANCE)


def repair_rules(plan: Plan, ledger: Ledger) -> None:
    """Required VM-Host rules, then separation, then keeping together."""
    for violation in plan.rules.violations(plan.host_ix, plan.on):
        rule = violation.rule
        if rule.kind is RuleKind.VM_HOST and rule.mandatory:
            _repair_each(plan, ledger, violation, Reason.MUST_RULE, _MANDATORY)
        elif rule.kind is RuleKind.ANTI_AFFINITY:
            _repair_each(plan, ledger, violation, Reason.ANTI_AFFINITY, _MANDATORY)
        elif rule.kind is RuleKind.AFFINITY:
            _gather(plan, ledger, rule)


def _repair_each(plan: Plan, ledger: Ledger, violation: Violation, reason: Reason, priority: int) -> None:
    for vm in violation.vms:
        problem = f"rule {violation.rule.name}"
        relocate(plan, ledger, vm, reason, priority, problem, rule=violation.rule.name)


def _gather(plan: Plan, ledger: Ledger, rule: Rule) -> None:
    """Bring VMs that belong together onto one host: the one that needs the fewest moves and has room for all."""
    members = plan.rules.group_of(rule)
    members = members[plan.on[members] & (plan.host_ix[members] >= 0)]
    stuck = [int(vm) for vm in members if plan.obstacle(int(vm)) is not None]
    present = np.bincount(plan.host_ix[members], minlength=len(plan.room))
    for host in np.lexsort((np.arange(len(present)), -plan.room[:, 1], -present)):
        if any(plan.host_ix[vm] != host for vm in stuck):
            continue
        if _gather_on(plan, ledger, rule, members, int(host)):
            return
    wanted = next((int(vm) for vm in members if plan.host_ix[vm] != present.argmax()), int(members[0]))
    ledger.fail(plan, wanted, f"rule {rule.name}", plan.obstacle(stuck[0]) if stuck else None)


def _gather_on(plan: Plan, ledger: Ledger, rule: Rule, members: Ints, host: int) -> bool:
    """Try one host; all or nothing."""
    before = {int(vm): int(plan.host_ix[vm]) for vm in members}
    for vm in members:
        if plan.host_ix[vm] == host:
            continue
        if not plan.open_hosts(np.array([vm]))[0, host]:
            for other, home in before.items():
                if plan.host_ix[other] != home:
                    plan.move(other, home)
            return False
        plan.move(int(vm), host)
    for vm, home in before.items():
        if home != host:
            ledger.note(vm, Reason.AFFINITY, _MANDATORY, group=f"rule-{rule.key}", rule=rule.name)
    return True


def repair_reservations(plan: Plan, ledger: Ledger) -> None:
    """Hosts whose VMs have reserved more than the host has: send VMs away until they fit."""
    for host in np.flatnonzero((plan.room[:, :2] < -1e-6).any(axis=1) & plan.snapshot.hosts.running):
        tried: set[int] = set()
        while (plan.room[host, :2] < -1e-6).any():
            short = plan.room[host, :2].argmin()
            members = [int(v) for v in plan.members(int(host)) if v not in tried and plan.needs[v, short] > 0]
            if not members:
                break
            vm = max(members, key=lambda v: (plan.needs[v, short], -v))
            tried.add(vm)
            reason = Reason.CPU_RESERVATION if short == 0 else Reason.MEM_RESERVATION
            source = plan.snapshot.hosts.name[host]
            relocate(plan, ledger, vm, reason, _MANDATORY, f"reservations on {source}", source=source)


def repair_preferences(plan: Plan, ledger: Ledger) -> None:
    """Preferred VM-Host rules, where a permitted host has room; nobody else is moved for them."""
    if plan.options.threshold < _PREFERRED:
        return
    movable = plan.movable()
    for violation in plan.rules.violations(plan.host_ix, plan.on):
        rule = violation.rule
        if rule.kind is not RuleKind.VM_HOST or rule.mandatory:
            continue
        for vm in violation.vms:
            permitted = np.flatnonzero(plan.rules.should_cost[vm] < plan.rules.should_cost[vm, plan.host_ix[vm]])
            host = choose_host(plan, vm, permitted) if movable[vm] else None
            if host is None:
                _fail_preference(plan, ledger, vm, rule, permitted)
            elif _overfull(plan, vm, np.array([host]))[0] == 0:
                plan.move(vm, host)
                ledger.note(vm, Reason.SHOULD_RULE, _PREFERRED, rule=rule.name)
            else:
                ledger.refuse(
                    "migrate", plan.snapshot.vms.moref[vm], "the hosts that the rule “%(rule)s” prefers lack memory",
                    "if they had room for what it demands", rule=rule.name,
                )  # fmt: skip


def _fail_preference(plan: Plan, ledger: Ledger, vm: int, rule: Rule, permitted: Ints) -> None:
    """Nothing is wrong with the VM where it is: only the hosts that are preferred say why they do not take it."""
    against = {plan.snapshot.hosts.moref[host]: fault for host in permitted if (fault := plan.fault(vm, int(host)))}
    fault = plan.obstacle(vm) or SoftRuleVioCorrectionDisallowed(
        name=plan.snapshot.vms.name[vm], rule=rule.name, reason=summary(against)
    )
    ledger.fail(plan, vm, f"rule {rule.name}", fault, against)


def even_out(plan: Plan, ledger: Ledger) -> None:
    """VM distribution: at most ``ceil(VMs·(1 + slack) / hosts)`` VMs per host, where no score is lost.

    It comes last, so it undoes nothing: VMs that a rule keeps together stay where they are, and nobody goes where a
    preferred rule would be broken that is not broken now.
    """
    if not plan.options.even_distribution or plan.options.threshold < _PREFERRED:
        return
    open_hosts = np.flatnonzero(plan.accepting)
    running = plan.on & np.isin(plan.host_ix, open_hosts)
    slack = 1 + plan.options.even_distribution_slack_pct / 100
    most = int(np.ceil(running.sum() * slack / max(len(open_hosts), 1)))
    count = np.bincount(plan.host_ix[running], minlength=len(plan.room))
    movable = plan.movable() & ~plan.held() & ~plan.rules.is_together
    for host in open_hosts[np.argsort(-count[open_hosts], kind="stable")]:
        for vm in plan.members(int(host))[np.argsort(plan.burden[plan.members(int(host)), 0], kind="stable")]:
            if count[host] <= most:
                break
            no_worse = plan.rules.should_cost[vm] <= plan.rules.should_cost[vm, host]
            fewer = open_hosts[(count[open_hosts] < most) & no_worse[open_hosts]]
            target = choose_host(plan, int(vm), fewer) if movable[vm] else None
            if target is not None and _fullness(plan, int(vm), np.array([target]))[0] <= plan.options.dpm.high_ratio:
                plan.move(int(vm), target)
                count[host] -= 1
                count[target] += 1
                ledger.note(int(vm), Reason.EVEN_COUNT, _PREFERRED)
