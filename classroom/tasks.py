"""Entrances for Celery. Each takes ids, may run twice, and gives way after some seconds."""

from __future__ import annotations

from celery import shared_task

from classroom.checkpoints import jobs
from classroom.exercises import restarts
from classroom.models import Batch
from classroom.services import batches, expiry


@shared_task(name="classroom.tasks.work", soft_time_limit=jobs.LIMIT_S, time_limit=jobs.LIMIT_S + 10)
def work(batch_id: int) -> bool:
    """Go on with a batch; what is left over is a job of its own."""
    done = batches.work(batch_id)
    if not done:
        work.apply_async((batch_id,))
    return done


@shared_task(name="classroom.tasks.restart_exercise")
def restart_exercise(lab_id: int, user_id: int, slug: str, token: str) -> None:
    """Take a lab back and begin an exercise again."""
    restarts.work(lab_id, user_id, slug, token)


# A second delivery meanwhile finds the task's lease taken and returns at once.
@shared_task(name="classroom.tasks.lab_job", soft_time_limit=jobs.LIMIT_S, time_limit=jobs.LIMIT_S + 10)
def lab_job(task_id: int) -> bool:
    """Keep, take back or copy a whole lab."""
    return jobs.work(task_id)


@shared_task(name="classroom.tasks.tidy")
def tidy() -> None:
    """Wake what was forgotten; labs whose time is over are frozen or deleted, and said to be before."""
    for batch_id in Batch.objects.exclude(state=Batch.FINISHED).values_list("pk", flat=True):
        work.apply_async((batch_id,))
    jobs.wake_stranded()
    expiry.tidy()
