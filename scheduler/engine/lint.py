"""Always-on lint of rules and capacity: what will go wrong, found before it does, with the smallest fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from domain.snapshot import ClusterSnapshot, DpmBehavior, RuleKind
from domain.text import _
from scheduler.engine.compat import Against
from scheduler.engine.ha import failover
from scheduler.engine.ledger import Ledger
from scheduler.engine.options import DrsOptions
from scheduler.engine.placement import stranded_by
from scheduler.engine.repair import evacuate
from scheduler.engine.results import Reason
from scheduler.engine.state import Plan

_FAILURES_LOOKED_AT = 8  # the fullest hosts; looking at all of them is what the failover page is for


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is or will be wrong.  code: stable id; message, fix: %-templates over fields."""

    code: str
    entity: str
    message: str
    fix: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def lint(snapshot: ClusterSnapshot, options: DrsOptions) -> list[Finding]:
    """All findings for a cluster, rules first.  Pure and quick enough to run while somebody types."""
    plan = Plan(snapshot, options)
    return [
        *_rule_conflicts(plan),
        *_empty_rules(plan),
        *_overcommitted_pools(plan),
        *_vms_without_host(plan),
        *_endless_maintenance(plan),
        *_no_failover(plan),
        *_idle_dpm(plan),
    ]


def _rule_conflicts(plan: Plan) -> Iterator[Finding]:
    for conflict in plan.rules.conflicts:
        fields = {**conflict.fault.fields, "reason": conflict.fault.fields.get("reason", "")}
        yield Finding("rule-conflict", conflict.rule.name, conflict.fault.template, conflict.fix, fields)


def _empty_rules(plan: Plan) -> Iterator[Finding]:
    """Rules whose VM group has nobody in it: somebody believes that they do something."""
    for rule in plan.rules.in_force:
        if rule.kind is RuleKind.VM_HOST and not rule.vms:
            yield Finding(
                "rule-empty", rule.name, _("The rule “%(rule)s” is about no virtual machine of the cluster"),
                _("Put virtual machines into its VM group, or delete the rule"), {"rule": rule.name},
            )  # fmt: skip


def _overcommitted_pools(plan: Plan) -> Iterator[Finding]:
    """Children that have reserved more than a parent that cannot borrow: the cluster would be shown red."""
    pools = plan.snapshot.pools
    for unit, reservation, expandable in (
        ("MHz", pools.cpu_reservation_mhz, pools.cpu_expandable),
        ("MB", pools.mem_reservation_mib, pools.mem_expandable),
    ):
        for pool in np.flatnonzero((pools.parent >= 0) & ~expandable):
            children = float(reservation[pools.parent == pool].sum())
            if children > reservation[pool] + 1e-6:
                yield Finding(
                    "pool-overcommitted", pools.moref[pool],
                    _("The pools in “%(pool)s” reserve %(children)s %(unit)s, it has %(own)s %(unit)s"),
                    _("Raise its reservation by %(missing)s %(unit)s or make it expandable"),
                    {"pool": pools.name[pool], "children": round(children), "own": round(float(reservation[pool])),
                     "missing": round(children - float(reservation[pool])), "unit": unit},
                )  # fmt: skip


def _vms_without_host(plan: Plan) -> Iterator[Finding]:
    """VMs that no host, or only one, could run even if it were empty."""
    snapshot = plan.snapshot
    rows = np.flatnonzero(snapshot.vms.powered_on)
    if not len(rows):
        return
    lasting = np.uint32(~(Against.HOST_STATE | Against.HOST_CONNECTION | Against.COOL_DOWN) & 0xFFFFFFFF)
    empty = np.stack([snapshot.hosts.cpu_capacity_mhz, snapshot.hosts.mem_capacity_mib], axis=1)
    fits = (plan.needs[rows][:, None, :2] <= empty[None] + 1e-6).all(axis=2)
    possible = (((plan.codes[rows] & lasting) == 0) & fits).sum(axis=1)
    for vm, count in zip(rows, possible, strict=True):
        name = {"name": snapshot.vms.name[vm]}
        if count == 0:
            yield Finding(
                "vm-fits-nowhere", snapshot.vms.moref[vm], _("No host could run “%(name)s”: %(why)s"),
                _("Lower its reservation, or change the rule or the hardware it needs"),
                {**name, "why": _why_nowhere(plan, int(vm))},
            )  # fmt: skip
        elif count == 1 and len(snapshot.hosts) > 1:
            yield Finding(
                "vm-single-host", snapshot.vms.moref[vm],
                _("Only one host could run “%(name)s”: if that fails, it cannot be restarted"),
                _("Let a second host reach its datastores, networks and CPU features, or widen its rule"), name,
            )  # fmt: skip


def _why_nowhere(plan: Plan, vm: int) -> str:
    hosts = plan.snapshot.hosts
    biggest = int(np.argmax(hosts.mem_capacity_mib))
    if plan.needs[vm, 1] > hosts.mem_capacity_mib.max():
        return f"it reserves {plan.needs[vm, 1]:.0f} MB, the biggest host has {hosts.mem_capacity_mib[biggest]:.0f} MB"
    if plan.needs[vm, 0] > hosts.cpu_capacity_mhz.max():
        return f"it reserves {plan.needs[vm, 0]:.0f} MHz, the biggest host has {hosts.cpu_capacity_mhz.max():.0f} MHz"
    fault = plan.fault(vm, biggest)
    return fault.sentence if fault else "the hosts that could are too small"


def _endless_maintenance(plan: Plan) -> Iterator[Finding]:
    """Hosts on their way into maintenance or standby that cannot be emptied."""
    hosts = plan.snapshot.hosts
    for host in np.flatnonzero(hosts.evacuating):
        ledger = Ledger()
        evacuate(plan.copy(), ledger, int(host), Reason.MAINTENANCE)
        for fault in ledger.faults:
            yield Finding(
                "maintenance-stuck", hosts.moref[host], _("“%(host)s” cannot be emptied: %(why)s"),
                _("Move or power off that virtual machine, or leave maintenance mode"),
                {"host": hosts.name[host], "vm": fault.vm, "why": fault.fault.sentence},
            )  # fmt: skip


def _no_failover(plan: Plan) -> Iterator[Finding]:
    """HA without the capacity it wants, and hosts whose VMs would find no place."""
    snapshot, options = plan.snapshot, plan.options
    if not options.ha.enabled:
        return
    state = failover(snapshot, options.ha, plan.accepting)
    if not state.ok:
        yield Finding(
            "failover-capacity", snapshot.name,
            _("HA wants %(cpu)s %% CPU and %(mem)s %% memory free, %(cpu_free)s %% and %(mem_free)s %% are"),
            _("Add a host, lower reservations, or tolerate fewer host failures"),
            {"cpu": round(state.cpu_wanted_ratio * 100), "mem": round(state.mem_wanted_ratio * 100),
             "cpu_free": round(state.cpu_free_ratio * 100), "mem_free": round(state.mem_free_ratio * 100)},
        )  # fmt: skip
    running = np.flatnonzero(snapshot.hosts.running)
    fullest = running[np.argsort(-plan.load[running, 1], kind="stable")][:_FAILURES_LOOKED_AT]
    for host in fullest:
        stranded = stranded_by(plan, int(host))
        if len(stranded):
            names = [snapshot.vms.name[vm] for vm in stranded]
            yield Finding(
                "restart-impossible", snapshot.hosts.moref[host],
                _("If “%(host)s” fails, %(count)s virtual machines find no host: %(names)s"),
                _("Free %(needed)s MB of reserved memory on the other hosts, or add a host"),
                {"host": snapshot.hosts.name[host], "count": len(names), "names": ", ".join(names[:5]),
                 "needed": round(float(plan.needs[stranded, 1].sum()))},
            )  # fmt: skip


def _idle_dpm(plan: Plan) -> Iterator[Finding]:
    """A power management that can never act."""
    hosts, dpm = plan.snapshot.hosts, plan.options.dpm
    if not dpm.enabled:
        return
    name = {"cluster": plan.snapshot.name, "count": int(plan.accepting.sum()), "minimum": dpm.min_hosts_on}
    able = (hosts.dpm_behavior != DpmBehavior.DISABLED) & hosts.wakeable & ~hosts.wake_failed
    if not plan.options.enabled:
        yield Finding("dpm-without-drs", plan.snapshot.name, _("DPM needs DRS, which is turned off"),
                      _("Turn DRS on"), name)  # fmt: skip
    if not able.any():
        yield Finding("dpm-no-host", plan.snapshot.name, _("DPM may not switch any host: none can be woken for sure"),
                      _("Configure and test a wake method on one host at least"), name)  # fmt: skip
    elif int(able.sum()) and dpm.min_hosts_on >= len(hosts):
        yield Finding("dpm-minimum", plan.snapshot.name,
                      _("DPM keeps at least %(minimum)s hosts on, and there are no more"),
                      _("Lower the minimum number of hosts"), name)  # fmt: skip
    elif plan.options.ha.enabled and plan.options.ha.failures + 1 >= len(hosts):
        yield Finding("dpm-failover", plan.snapshot.name, _("HA's failover level keeps every host on"),
                      _("Add a host or tolerate fewer failures"), name)  # fmt: skip
    elif _every_host_pinned(plan):
        yield Finding("dpm-pinned", plan.snapshot.name,
                      _("Every host runs a virtual machine that cannot move, so none can be emptied"),
                      _("Allow one host's virtual machines to move"), name)  # fmt: skip


def _every_host_pinned(plan: Plan) -> bool:
    stuck = plan.on & ~plan.movable()
    pinned = np.bincount(plan.host_ix[stuck], minlength=len(plan.load)) > 0
    return bool(pinned[plan.accepting].all()) and bool(plan.accepting.any())
