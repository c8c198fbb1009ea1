"""Driving a vCenter's fleet in a test: the real driver on the suite's Valkey, with lab time set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.utils.timezone import now

from domain.states import TaskState
from inventory import pump
from inventory.fleet import RedisStore
from inventory.models import Task, VCenter


def hold_clock(vcenter: VCenter) -> None:
    """Stop lab time, so that only `advance` moves it."""
    vcenter.clock_lab_s, vcenter.clock_speed, vcenter.clock_wall = vcenter.lab_seconds(), 0.0, now()
    vcenter.save(update_fields=["clock_lab_s", "clock_speed", "clock_wall"])


def advance(vcenter: VCenter, seconds: float, step_s: float = 20.0) -> None:
    """Let so many lab seconds pass, a pump per step."""
    end = vcenter.lab_seconds() + seconds
    while vcenter.lab_seconds() < end - 1e-9:
        VCenter.objects.filter(pk=vcenter.pk).update(clock_lab_s=min(end, vcenter.lab_seconds() + step_s))
        vcenter.refresh_from_db()
        assert beat(vcenter)


def beat(vcenter: VCenter) -> bool:
    """One pump; the hooks that wait for a commit run as they would."""
    with committing():
        return pump.pump(vcenter.pk)


@contextmanager
def committing() -> Iterator[None]:
    """Run the on-commit hooks of what happens inside, also within a test's own transaction."""
    hooks_before = len(connection.run_on_commit)
    yield
    while len(connection.run_on_commit) > hooks_before and connection.in_atomic_block:
        _ids, hook, _robust = connection.run_on_commit.pop(hooks_before)
        hook()


def meet(vcenter: VCenter) -> None:
    """Let the fleet learn of rows that a builder made behind its back."""
    RedisStore(str(vcenter.uuid)).drop()
    assert beat(vcenter)


def finished(vcenter: VCenter, task: Task, limit_s: float = 900.0) -> Task:
    """Pump until the task has ended; return it fresh."""
    passed = 0.0
    task.refresh_from_db()
    while task.state in (TaskState.QUEUED, TaskState.RUNNING) and passed < limit_s:
        advance(vcenter, 5.0, 5.0)
        passed += 5.0
        task.refresh_from_db()
    return task


def succeeded(vcenter: VCenter, task: Task, **options: Any) -> Task:
    done = finished(vcenter, task, **options)
    assert done.state == TaskState.SUCCESS, done.fault
    return done


__all__ = ["advance", "beat", "committing", "finished", "hold_clock", "meet", "succeeded"]
