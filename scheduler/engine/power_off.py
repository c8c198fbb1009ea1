"""Which hosts can be switched off: what-if by evacuation, then capacity, then whether it pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from domain.snapshot import Automation, DpmBehavior, Floats
from scheduler.engine.costs import migration_seconds
from scheduler.engine.ha import failover
from scheduler.engine.ledger import Ledger
from scheduler.engine.power import break_even_s, power_w
from scheduler.engine.power_views import PowerDecision, high_score, lead, trail, utilisation
from scheduler.engine.repair import evacuate
from scheduler.engine.results import Reason
from scheduler.engine.state import Plan

MEMORY_FULL = 0.9  # of a remaining host may be held; below the 95 % at which hosts are woken


@dataclass(frozen=True, slots=True)
class _No:
    """Why a host stays on, and what would have to differ."""

    reason: str
    counterfactual: str = ""
    fields: Mapping[str, float | str] | None = None


def plan_power_off(plan: Plan, ledger: Ledger) -> list[PowerDecision]:
    """Hosts to switch off this cycle, a few at most; their VMs are moved in ``plan``.  The others get a refusal."""
    decisions: list[PowerDecision] = []
    use = utilisation(plan, trail(plan))
    hosts = plan.snapshot.hosts
    most = ceil(int(plan.accepting.sum()) / plan.options.dpm.hosts_per_power_off)
    for host in _candidates(plan, use):
        no = _disqualified(plan, host, use)
        if no is None and len(decisions) >= most:
            no = _No("enough hosts are powered off in this cycle (%(most)s)", "in a later cycle", {"most": most})
        if no is None:
            outcome = _what_if_off(plan, ledger, host)
            if isinstance(outcome, PowerDecision):
                decisions.append(outcome)
                continue
            no = outcome
        ledger.refuse("powerOff", hosts.moref[host], no.reason, no.counterfactual, **(no.fields or {}))
    return decisions


def _candidates(plan: Plan, use: Floats) -> list[int]:
    """Automatic first, least loaded, fewest VMs, least efficient."""
    hosts = plan.snapshot.hosts
    count = np.bincount(plan.host_ix[plan.on], minlength=len(hosts))
    idle_per_mhz = hosts.power_w[:, 0] / np.maximum(hosts.cpu_capacity_mhz, 1.0)
    return sorted(
        (int(h) for h in np.flatnonzero(plan.accepting & hosts.running)),
        key=lambda h: (-int(hosts.dpm_behavior[h]), round(float(use[h].max()), 2), int(count[h]),
                       -float(idle_per_mhz[h]), h),
    )  # fmt: skip


def _disqualified(plan: Plan, host: int, use: Floats) -> _No | None:
    """Reasons that need no what-if."""
    hosts, dpm = plan.snapshot.hosts, plan.options.dpm
    if hosts.dpm_behavior[host] == DpmBehavior.DISABLED:
        return _No("power management is disabled for this host", "set its host option to automatic or manual")
    if not hosts.wakeable[host]:
        return _No("it has no working wake method", "configure IPMI, iLO or Wake-on-LAN and test it")
    if hosts.wake_failed[host]:
        return _No("its last exit from standby failed", "power it on by hand once with success")
    if hosts.up_s[host] < dpm.host_min_up_s:
        uptime = {"up_s": float(hosts.up_s[host]), "wait_s": dpm.host_min_up_s}
        return _No("it has been up for %(up_s).0f s only", "after %(wait_s).0f s of uptime", uptime)
    peaks = use[plan.accepting].max(axis=1)
    idle = (peaks < dpm.low_ratio).all() if dpm.trigger == "all" else use[host].max() < dpm.low_ratio
    if not idle:
        fields = {"peak_pct": round(float(use[host].max()) * 100, 1), "low_pct": round(dpm.low_ratio * 100)}
        return _No("its utilisation of %(peak_pct)s %% is not below %(low_pct)s %%", "below %(low_pct)s %%", fields)
    return None


def _what_if_off(plan: Plan, ledger: Ledger, host: int) -> PowerDecision | _No:
    """Evacuate a copy; adopt it if everything holds."""
    trial, notes = plan.copy(), ledger.copy()
    trial.accepting[host] = False
    members = plan.members(host)
    faults = len(notes.faults)
    if not evacuate(trial, notes, host, Reason.POWER_SAVING):
        fault = notes.faults[faults]
        blocked = {"vm": _name(plan, fault.vm), "why": fault.fault.sentence}
        return _No("“%(vm)s” cannot leave it: %(why)s", "if that virtual machine could move", blocked)
    no = _capacity_missing(plan, trial) or _does_not_pay(plan, trial, host)
    if no is not None:
        return no
    decision = _decision(plan, trial, host)
    if decision.priority > plan.options.dpm.threshold:
        levels = {"priority": decision.priority, "threshold": plan.options.dpm.threshold}
        return _No("priority %(priority)s is beyond the DPM threshold %(threshold)s",
                   "would be powered off at DPM threshold %(priority)s", levels)  # fmt: skip
    for vm in members:
        notes.entries[int(vm)].group = decision.group
        notes.entries[int(vm)].priority = decision.priority
    plan.adopt(trial)
    ledger.entries, ledger.faults, ledger.refusals = notes.entries, notes.faults, notes.refusals
    return decision


def _name(plan: Plan, moref: str) -> str:
    return plan.snapshot.vms.name[plan.snapshot.vms.moref.index(moref)]


def _capacity_missing(plan: Plan, trial: Plan) -> _No | None:
    """Minimum capacity, fail-over capacity, spare hosts and the utilisation band after removal."""
    dpm, hosts, on = plan.options.dpm, plan.snapshot.hosts, trial.accepting
    cpu, mem = float(hosts.cpu_capacity_mhz[on].sum()), float(hosts.mem_capacity_mib[on].sum())
    if int(on.sum()) < max(dpm.min_hosts_on, 1) or cpu < dpm.min_on_cpu_mhz or mem < dpm.min_on_mem_mib:
        return _No("the minimum of powered-on capacity would be undercut", "with a lower minimum")
    broken = len(trial.rules.violations(trial.host_ix, trial.on)) - len(plan.rules.violations(plan.host_ix, plan.on))
    if broken > 0:
        return _No("a placement rule would be broken", "without that rule")
    state = failover(plan.snapshot, plan.options.ha, on)
    if not state.ok:
        return _No("vSphere HA needs its failover capacity (%(failures)s host failures)",
                   "with fewer failures to tolerate or smaller reservations",
                   {"failures": plan.options.ha.failures})  # fmt: skip
    for window_s, demand in ((dpm.history_on_s, lead(trial)), (dpm.history_off_s, trail(trial))):
        use = utilisation(trial, demand)
        if high_score(use, trial) > 0:
            peak_pct, high_pct = round(float(use[on].max()) * 100, 1), round(dpm.high_ratio * 100)
            fields: dict[str, float | str] = {"peak_pct": peak_pct, "high_pct": high_pct, "window": f"{window_s:g} s"}
            return _No("a remaining host would reach %(peak_pct)s %% (demand of the last %(window)s)",
                       "if it stayed below %(high_pct)s %%", fields)  # fmt: skip
    full = trial.load[on, 6] / np.maximum(hosts.mem_capacity_mib[on], 1.0)
    if full.max() > MEMORY_FULL:
        fields = {"full_pct": round(float(full.max()) * 100, 1), "limit_pct": round(MEMORY_FULL * 100)}
        return _No("the virtual machines of a remaining host would hold %(full_pct)s %% of its memory",
                   "if they held less than %(limit_pct)s %%", fields)  # fmt: skip
    if _spare_missing(trial):
        return _No("%(spare)s spare hosts are to be kept", "with fewer spare hosts", {"spare": dpm.spare_hosts})
    return None


def _spare_missing(trial: Plan) -> bool:
    """Demand has to stay within the band even without the biggest ``spare_hosts`` hosts."""
    spare, hosts, on = trial.options.dpm.spare_hosts, trial.snapshot.hosts, trial.accepting
    if not spare:
        return False
    for capacity, demand in (
        (hosts.cpu_capacity_mhz[on], float(np.maximum(lead(trial), trail(trial))[trial.on].sum())),
        (hosts.mem_capacity_mib[on], float(trial.load[:, 1].sum())),
    ):
        if demand > trial.options.dpm.high_ratio * float(np.sort(capacity)[: max(len(capacity) - spare, 0)].sum()):
            return True
    return False


def _watts(plan: Plan, demand: Floats) -> Floats:
    """(H,) power of all hosts under a plan; a host that the plan closed draws its standby power."""
    hosts = plan.snapshot.hosts
    rows = np.arange(len(hosts))
    on = power_w(hosts, rows, utilisation(plan, demand)[:, 0])
    watts: Floats = np.where(plan.accepting, on, hosts.standby_w)
    return watts


def _does_not_pay(plan: Plan, trial: Plan, host: int) -> _No | None:
    """Energy against shortage risk and migrations: ``cost·PowerPerformanceRatio < benefit``, both as shares."""
    dpm, hosts = plan.options.dpm, plan.snapshot.hosts
    demand = trail(plan)
    saved_w = float((_watts(plan, demand) - _watts(trial, demand)).sum())
    fields: dict[str, float | str] = {"saved_w": round(saved_w, 1)}
    if hosts.power_w[host].any() and saved_w <= 0:
        return _No("the hosts that take its load would draw more than it saves", "with a less efficient host", fields)
    pays_after = break_even_s(hosts, host) if hosts.power_w[host].any() else 0.0
    off_s = _expected_off_s(plan, trial)
    fields |= {"off_s": round(off_s), "needed_s": round(pays_after + float(hosts.boot_s[host]))}
    if off_s <= pays_after + hosts.boot_s[host]:
        return _No("it would be off for about %(off_s)s s, which pays only after %(needed_s)s s",
                   "with demand that stays low for longer", fields)  # fmt: skip
    moved = np.flatnonzero(trial.host_ix != plan.host_ix)
    disturbed = float((migration_seconds(plan, moved, trial.host_ix[moved]) * demand[moved]).sum())
    cost = disturbed / max(float(demand[plan.on].sum()) * off_s, 1e-9)
    total_w = float(_watts(plan, demand).sum())
    benefit = saved_w / total_w * (1 - pays_after / off_s) if total_w > 0 else 1.0
    if cost * dpm.power_performance_ratio >= benefit:
        return _No("its migrations would disturb more than the %(saved_w)s W are worth",
                   "with a smaller power performance ratio", fields)  # fmt: skip
    return None


def _expected_off_s(plan: Plan, trial: Plan) -> float:
    """How long the remaining hosts can be expected to do: the usual spell, or while demand is stable if its peak (95th
    percentile) would not fit."""
    vms, hosts = plan.snapshot.vms, plan.snapshot.hosts
    if not plan.on.any() or _peak_mhz(plan) <= hosts.cpu_capacity_mhz[trial.accepting].sum():
        return plan.options.dpm.expected_off_s
    return float(np.median(vms.stable_s[plan.on]))


def _peak_mhz(plan: Plan) -> float:
    """95th percentile of what all VMs ask for together. Bursts of different VMs fall at different moments: what each
    has above its mean adds up as independent errors do. The sum of all 95th percentiles is never asked for."""
    mean = trail(plan)[plan.on]
    above = np.maximum(plan.snapshot.vms.cpu_p95_mhz[plan.on] - mean, 0.0)
    return float(mean.sum() + np.sqrt((above**2).sum()))


def _decision(plan: Plan, trial: Plan, host: int) -> PowerDecision:
    hosts, dpm = plan.snapshot.hosts, plan.options.dpm
    before, after = utilisation(plan, trail(plan)), utilisation(trial, trail(trial))
    on = trial.accepting
    cpu = float(np.maximum(lead(plan), trail(plan))[plan.on].sum()) / float(hosts.cpu_capacity_mhz[on].sum())
    mem = float(plan.load[:, 1].sum()) / float(hosts.mem_capacity_mib[on].sum())
    edges = (dpm.low_ratio, dpm.target_ratio, (dpm.target_ratio + dpm.high_ratio) / 2)
    moved = plan.members(host)
    automatic = bool((plan.snapshot.vms.automation[moved] == Automation.FULLY_AUTOMATED).all())
    saved_w = float((_watts(plan, trail(plan)) - _watts(trial, trail(plan))).sum())
    return PowerDecision(
        host, "powerOff", 2 + sum(max(cpu, mem) > edge for edge in edges), Reason.POWER_SAVING,
        {"source": hosts.name[host], "saved_w": round(saved_w, 1), "vms": len(moved)},
        {"cpu_ratio": float(before[host, 0]), "mem_ratio": float(before[host, 1]),
         "power_w": float(_watts(plan, trail(plan)).sum())},
        {"cpu_peak_ratio": float(after[on, 0].max()), "mem_peak_ratio": float(after[on, 1].max()),
         "power_w": float(_watts(trial, trail(trial)).sum())},
        automatic and bool(hosts.dpm_behavior[host] == DpmBehavior.AUTOMATED),
        group=f"power-{hosts.moref[host]}",
    )  # fmt: skip
