"""What vSphere HA's pages show: the agents of a cluster, what is protected, what is being restarted, what would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.states import HostConnection, HostPower, VmPower
from inventory.models import Cluster, Host, VirtualMachine
from scheduler import failover, monitoring, settings_of
from scheduler.engine.ha import Failover
from scheduler.engine.ha import failover as judge
from scheduler.engine.placement import FailurePrediction, predict_failure
from scheduler.foresight import Load, Outlook
from scheduler.models import HaReset, HaRestart
from scheduler.selectors.cluster import Frame, frame_of


@dataclass(frozen=True, slots=True)
class Agent:
    """One host's HA agent. state: primary, secondary, maintenance, standby, unreachable, or what HA has declared."""

    host: Host
    state: str
    protected: int


def agents(cluster: Cluster) -> list[Agent]:
    """Hosts of a cluster with the role of their agents and the number of VMs that HA protects there."""
    counts: dict[int, int] = {}
    running = VirtualMachine.objects.filter(host__cluster=cluster, power_state=VmPower.ON, template=False)
    for vm in running.select_related("host__cluster"):
        counts[vm.host_id] = counts.get(vm.host_id, 0) + vm.ha_restarts
    return [Agent(h, state, counts.get(h.pk, 0)) for h, state in agent_states(cluster)]


def agent_states(cluster: Cluster) -> list[tuple[Host, str]]:
    """Hosts of a cluster by name, with the role of their agents."""
    primary = failover.primary_of(cluster)
    hosts = Host.objects.filter(cluster=cluster).select_related("vcenter").order_by("name")
    return [(host, _agent_state(host, primary)) for host in hosts]


def _agent_state(host: Host, primary: Host | None) -> str:
    if host.ha_state:
        return host.ha_state
    if host.power_state in (HostPower.STANDBY, HostPower.OFF):
        return "standby"
    if host.connection_state != HostConnection.CONNECTED:
        return "unreachable"
    if host.in_maintenance or host.entering_maintenance:
        return "maintenance"
    return "primary" if primary is not None and host.pk == primary.pk else "secondary"


def restarts(cluster: Cluster) -> tuple[list[HaRestart], list[HaRestart]]:
    """What is being restarted now, and the latest that has ended."""
    rows = HaRestart.objects.filter(cluster=cluster)
    now = list(rows.filter(state__in=failover.OPEN).order_by("-priority", "due_lab_s", "id"))
    return now, list(rows.exclude(state__in=failover.OPEN).order_by("-ended_lab_s", "-id")[:100])


def resets(cluster: Cluster) -> list[HaReset]:
    """Guests that VM monitoring looks after now, then the latest that it has looked after."""
    rows = HaReset.objects.filter(cluster=cluster)
    now = list(rows.filter(state__in=monitoring.OPEN).order_by("due_lab_s", "id"))
    return now + list(rows.exclude(state__in=monitoring.OPEN).order_by("-ended_lab_s", "-id")[:100])


def capacity(frame: Frame) -> Failover:
    """How much fail-over capacity is kept and how much is wanted, by the cluster's admission control."""
    hosts = frame.snapshot.hosts
    usable = hosts.accepting & ~hosts.failover
    return judge(frame.snapshot, settings_of.options_of(frame.cluster).ha, usable)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The failure of one host, thought through."""

    host: Host
    prediction: FailurePrediction
    restarted: list[tuple[VirtualMachine, Host]]
    stranded: list[tuple[VirtualMachine, Any]]
    unprotected: list[VirtualMachine]
    loads: list[Load]

    @property
    def lost(self) -> int:
        return len(self.restarted) + len(self.stranded) + len(self.unprotected)


def what_ifs(cluster: Cluster, only: str = "") -> list[WhatIf]:
    """Each host's failure (or that of `only`); one snapshot for all."""
    frame = frame_of(cluster)
    options = settings_of.options_of(cluster)
    hosts = [(i, h) for i, h in enumerate(frame.hosts) if not only or h.moref == only]
    return [_what_if(frame, h, predict_failure(frame.snapshot, i, options)) for i, h in hosts]


def _what_if(frame: Frame, host: Host, prediction: FailurePrediction) -> WhatIf:
    vms = {vm.moref: vm for vm in frame.vms}
    hosts = {h.moref: h for h in frame.hosts}
    restarted = [(vms[p.vm], hosts[p.host]) for p in prediction.restarted if p.host]
    stranded = [(vms[p.vm], p.fault) for p in prediction.stranded]
    lost = [vms[moref] for moref in prediction.unprotected]
    return WhatIf(host, prediction, restarted, stranded, lost, _loads(frame, host, restarted))


def _loads(frame: Frame, failed: Host, restarted: Sequence[tuple[VirtualMachine, Host]]) -> list[Load]:
    """What each survivor would carry."""
    look = Outlook()
    side = look.side(frame.cluster, frame)
    for vm, host in restarted:
        row = side.rows[vm.pk]
        side.add(host.pk, side.plan.burden[row], 1)
    running = frame.snapshot.hosts.running
    side.touched = {c for c, h in enumerate(frame.hosts) if running[c] and h.pk != failed.pk}
    return list(side.loads())
