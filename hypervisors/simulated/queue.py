"""Who may start: cost units of hosts, NICs and datastores, on both ends, as vSphere limits simultaneous migrations.

Waiting jobs start by priority, then in order of arrival. A job that does not fit keeps later ones from the resources
that it lacks, so that a costly job is not starved, but from nothing else.
"""

from __future__ import annotations

from domain.states import MigrationPriority
from hypervisors.port import JobState
from hypervisors.simulated import jobs
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.records import JobRecord

_CLASSES = {MigrationPriority.HIGH.value: 0, MigrationPriority.DEFAULT.value: 1, MigrationPriority.LOW.value: 2}


def limit(fleet: Fleet, resource: str) -> int:
    """Cost units of `host:3`, `nic:3` (the vMotion NIC of host 3) or `datastore:3`."""
    kind, _, slot = resource.partition(":")
    costs = fleet.tuning.costs
    if kind == "host":
        return costs.host
    if kind == "datastore":
        return costs.datastore
    return costs.nic_fast if fleet.state.hosts.vmotion_nic_mbps[int(slot)] >= 10_000 else costs.nic_slow


def used(fleet: Fleet) -> dict[str, int]:
    """Cost units in use, counted afresh from the running jobs."""
    total: dict[str, int] = {}
    for job in fleet.state.jobs.values():
        if job.state == JobState.RUNNING and "cost" in job.work:
            for resource, units in job.work["cost"].items():
                total[resource] = total.get(resource, 0) + units
    return total


def _rank(job: JobRecord) -> tuple[int, int]:
    return _CLASSES.get(str(job.args.get("priority", "")), 1), job.n


def dispatch(fleet: Fleet) -> None:
    """Start every waiting job that fits; a start that fails at once frees its place for the next."""
    fleet.queue_changed = False
    waiting = [j for j in fleet.state.jobs.values() if j.state == JobState.QUEUED]
    if not waiting:
        return
    left, lacking = _Left(fleet), set[str]()
    for job in sorted(waiting, key=_rank):
        cost: dict[str, int] = job.work["cost"]
        short = [r for r, units in cost.items() if r in lacking or left[r] < units]
        if short:
            lacking.update(short)
            continue
        jobs.start(fleet, job)
        if job.state == JobState.RUNNING:
            for resource, units in cost.items():
                left[resource] -= units


class _Left(dict[str, int]):
    """Cost units that are free, per resource, looked up when first asked for."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._fleet, self._used = fleet, used(fleet)

    def __missing__(self, resource: str) -> int:
        self[resource] = limit(self._fleet, resource) - self._used.get(resource, 0)
        return self[resource]
