"""Distributed power management: wake hosts before demand hurts, switch off hosts nobody needs.

Power-on looks at the last 300 s, power-off at the last 2400 s of demand *and* at the last 300 s, within the band
63 ± 18 % (KB 310527): that asymmetry is the hysteresis.  What-ifs use the placement of DRS.  Every host that was looked
at and left as it is gets a refusal with its reason.  See docs/strategies/dpm.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.snapshot import DpmBehavior, Floats
from scheduler.engine.ha import failover
from scheduler.engine.ledger import Ledger
from scheduler.engine.power_off import plan_power_off
from scheduler.engine.power_views import PowerDecision, high_score, lead, relieved, utilisation
from scheduler.engine.results import Reason
from scheduler.engine.state import Plan


def manage_power(plan: Plan, ledger: Ledger) -> list[PowerDecision]:
    """Decide on host power for one cycle.  Evacuations of hosts to be switched off are made in ``plan``."""
    if not plan.options.dpm.enabled:
        return []
    decisions = wake_hosts(plan, ledger)
    if decisions:
        for host in np.flatnonzero(plan.accepting):
            ledger.refuse("powerOff", plan.snapshot.hosts.moref[host], "hosts are being powered on in this cycle")
        return decisions
    return plan_power_off(plan, ledger)


@dataclass(frozen=True, slots=True)
class _Need:
    """Why capacity is wanted; mandatory ones have priority 1.  homes: for VMs that only the right host can take."""

    mandatory: bool
    text: str
    homes: bool = False


def wake_hosts(plan: Plan, ledger: Ledger) -> list[PowerDecision]:
    """Standby hosts to power on: for failover and minimum capacity first, then for demand above the band."""
    trial = plan.copy()
    trial.accepting |= plan.snapshot.hosts.exiting_standby & plan.snapshot.hosts.connected
    decisions: list[PowerDecision] = []
    for host in _wake_order(plan, ledger):
        need = _need(trial, ledger)
        if need is None:
            _not_needed(plan, ledger, host, trial)
            continue
        decision = _what_if_on(plan, trial, host, need, ledger)
        if decision is None:
            reason = "powering it on would not help against: %(need)s"
            ledger.refuse("powerOn", plan.snapshot.hosts.moref[host], reason, need=need.text)
        elif decision.priority > plan.options.dpm.threshold:
            _below_threshold(plan, ledger, host, decision.priority)
        else:
            decisions.append(decision)
            trial.accepting[host] = True
    return decisions


def _wake_order(plan: Plan, ledger: Ledger) -> list[int]:
    """Automatic before manual, never-failed first, most capacity per watt, longest in standby."""
    hosts = plan.snapshot.hosts
    able = []
    for host in np.flatnonzero(hosts.standby & ~hosts.exiting_standby & ~hosts.maintenance):
        if hosts.dpm_behavior[host] == DpmBehavior.DISABLED:
            ledger.refuse("powerOn", hosts.moref[host], "power management is disabled for this host",
                          "set its host option to automatic or manual")  # fmt: skip
        elif not hosts.wakeable[host]:
            ledger.refuse("powerOn", hosts.moref[host], "it has no working wake method",
                          "configure IPMI, iLO or Wake-on-LAN and test it")  # fmt: skip
        elif hosts.wake_failed[host]:
            ledger.refuse("powerOn", hosts.moref[host], "its last exit from standby failed",
                          "power it on by hand once with success")  # fmt: skip
        else:
            able.append(int(host))
    peak_w = np.maximum(hosts.power_w[:, -1], 1.0)
    return sorted(able, key=lambda h: (
        -int(hosts.dpm_behavior[h]), -float(hosts.cpu_capacity_mhz[h] / peak_w[h]), float(hosts.standby_since_s[h]), h
    ))  # fmt: skip


def _need(trial: Plan, ledger: Ledger) -> _Need | None:
    """What is still missing in the trial, worst first."""
    dpm, hosts = trial.options.dpm, trial.snapshot.hosts
    on = trial.accepting
    if int(on.sum()) < dpm.min_hosts_on or hosts.cpu_capacity_mhz[on].sum() < dpm.min_on_cpu_mhz:
        return _Need(True, "minimum powered-on capacity")
    if hosts.mem_capacity_mib[on].sum() < dpm.min_on_mem_mib:
        return _Need(True, "minimum powered-on capacity")
    if not failover(trial.snapshot, trial.options.ha, on).ok:
        return _Need(True, "failover capacity for vSphere HA")
    if _homeless(trial, ledger):
        return _Need(True, "virtual machines that fit on no powered-on host", homes=True)
    if high_score(relieved(trial, lead(trial)), trial) > 1e-9:
        return _Need(False, "utilisation above the band")
    return None


def _homeless(trial: Plan, ledger: Ledger) -> list[int]:
    """VMs that a mandatory step could not place and that still have no open host in the trial."""
    return [vm for vm in ledger.homeless if not trial.open_hosts(np.array([vm])).any()]


def _what_if_on(plan: Plan, trial: Plan, host: int, need: _Need, ledger: Ledger) -> PowerDecision | None:
    """Add the host to the trial and see whether the need gets smaller."""
    wider = trial.copy()
    wider.accepting[host] = True
    before, after = relieved(trial, lead(trial)), relieved(wider, lead(trial))
    high_before, high_after = high_score(before, trial), high_score(after, wider)
    housed = len(_homeless(trial, ledger)) - len(_homeless(wider, ledger))
    if (need.homes and not housed) or (not need.mandatory and not high_after < high_before - 1e-9):
        return None
    hosts = plan.snapshot.hosts
    priority = 1 if need.mandatory else (2 if high_before > plan.options.dpm.tolerance_ratio else 3)
    return PowerDecision(
        host, "powerOn", priority, Reason.FREE_CAPACITY if need.mandatory else Reason.MORE_CAPACITY,
        {"need": need.text, "boot_s": float(hosts.boot_s[host])},
        {"high_score": high_before, **_peaks(before)}, {"high_score": high_after, **_peaks(after)},
        bool(hosts.dpm_behavior[host] == DpmBehavior.AUTOMATED),
    )  # fmt: skip


def _peaks(use: Floats) -> dict[str, float]:
    return {"cpu_peak_ratio": float(use[:, 0].max(initial=0.0)), "mem_peak_ratio": float(use[:, 1].max(initial=0.0))}


def _not_needed(plan: Plan, ledger: Ledger, host: int, trial: Plan) -> None:
    peak = utilisation(plan, lead(plan))[plan.accepting].max(initial=0.0)
    ledger.refuse(
        "powerOn", plan.snapshot.hosts.moref[host],
        "not needed: the highest utilisation is %(peak_pct)s %%, DRS can keep every host below %(high_pct)s %%",
        "a host above %(high_pct)s %% that DRS cannot relieve",
        peak_pct=round(float(peak) * 100, 1), high_pct=round(trial.options.dpm.high_ratio * 100),
    )  # fmt: skip


def _below_threshold(plan: Plan, ledger: Ledger, host: int, priority: int) -> None:
    ledger.refuse(
        "powerOn", plan.snapshot.hosts.moref[host], "priority %(priority)s is beyond the DPM threshold %(threshold)s",
        "would be powered on at DPM threshold %(priority)s",
        priority=priority, threshold=plan.options.dpm.threshold,
    )  # fmt: skip
