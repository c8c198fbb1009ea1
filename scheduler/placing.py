"""Where a VM of a DRS cluster starts, and what HA's admission control forbids."""

from __future__ import annotations

import numpy as np

from domain import faults
from domain.states import VmPower
from inventory.models import Host, VirtualMachine
from scheduler import settings_of
from scheduler.engine.placement import Placement, place
from scheduler.engine.score import ScoreModel
from scheduler.engine.state import Plan
from scheduler.selectors.cluster import Frame, frame_of


def placement_of(vm: VirtualMachine) -> tuple[Frame, Placement]:
    """The engine's choice for powering `vm` on, with a verdict per host."""
    cluster = vm.host.cluster
    frame = frame_of(cluster)
    row = frame.vm_row(vm.moref)
    return frame, place(frame.snapshot, [row], settings_of.options_of(cluster), frame.now_s).placements[0]


def drs_host(vm: VirtualMachine) -> Host | None:
    """For a VM of a cluster with DRS: the best host. None leaves the choice to the inventory."""
    if not vm.host.cluster.drs_enabled or vm.power_state != VmPower.OFF:
        return None
    frame, placement = placement_of(vm)
    if placement.host is None:
        raise placement.fault or faults.NoCompatibleHost(name=vm.name, reason="no host of the cluster fits")
    if placement.power_on is not None:
        raise faults.InsufficientStandbyResource(name=vm.name)
    return frame.host(placement.host)


def ranked_hosts(vm: VirtualMachine, hosts: list[Host]) -> list[Host]:
    """`hosts` of the VM's own cluster by the score that the engine predicts for it there, best first."""
    frame = frame_of(vm.host.cluster)
    if vm.moref not in frame.snapshot.vms.moref:
        return []
    row = frame.vm_row(vm.moref)
    plan = Plan(frame.snapshot, settings_of.options_of(vm.host.cluster, enabled=True), frame.now_s)
    known = [h for h in hosts if h.moref in frame.snapshot.hosts.moref]
    columns = np.array([frame.snapshot.hosts.moref.index(h.moref) for h in known], np.int64)
    if not len(columns):
        return []
    scores = ScoreModel(plan).predict(row, columns)
    load = plan.load[columns].max(axis=1)
    order = sorted(range(len(known)), key=lambda i: (-round(float(scores[i]), 1), float(load[i])))
    return [known[i] for i in order]
