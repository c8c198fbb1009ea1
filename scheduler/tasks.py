"""Entrances for Celery."""

from __future__ import annotations

from celery import shared_task

from inventory.waking import tell
from scheduler import pacing


@shared_task(name="scheduler.tasks.run_cycle", soft_time_limit=20, time_limit=25)
def run_cycle(cluster_id: int, trigger: str = "cycle") -> bool:
    """One DRS/DPM cycle. Two at once do no harm: the second finds the cluster's lease taken."""
    from scheduler.services import cycles

    return cycles.run(cluster_id, trigger) is not None


def wake_cycle(cluster_id: int, trigger: str) -> None:
    """Ask a worker for a cycle. Without a broker the next beat asks again."""
    tell(run_cycle.apply_async, cluster_id, trigger, expires=pacing.ASKED_S)


# A day of 2,000 VMs takes seconds; a second delivery meanwhile finds the lease taken and returns at once.
@shared_task(name="scheduler.tasks.run_replay", soft_time_limit=100, time_limit=110)
def run_replay(replay_id: int) -> bool:
    """One policy of a replay."""
    from scheduler.services import replays

    return replays.run(replay_id)


@shared_task(name="scheduler.tasks.wake_replays", expires=10)
def wake_replays() -> int:
    """Go on with replays whose worker died."""
    from scheduler.services import replays

    return replays.wake_stranded()
