"""Going back to a checkpoint in a worker: asked for, shown, done once, and refused with a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from kombu.exceptions import OperationalError

from classroom import tasks
from classroom.checkpoints import capture, going_back, jobs, services
from classroom.models import Checkpoint
from domain import faults
from domain.states import TaskState, VmPower
from inventory.models import AuditEntry, Task, VirtualMachine
from inventory.services import vms
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that workers were told of."""
    ids: list[int] = []
    monkeypatch.setattr(tasks.lab_job, "apply_async", lambda args, **_options: ids.append(*args))
    return ids


@pytest.fixture
def lab(told: list[int]) -> Any:
    made = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(made.vcenter)
    pumping.advance(made.vcenter, 20)
    made.people = cast.make_cast(made.vcenter)
    made.start = services.take(made.vcenter, None, "Start")
    rows = VirtualMachine.objects.filter(vcenter=made.vcenter, power_state=VmPower.OFF, template=False)
    made.off = rows.order_by("pk")[0]
    return made


def changed(lab: Any) -> None:
    """Something that going back takes away."""
    vms.delete_from_disk(None, lab.off)
    assert not VirtualMachine.objects.filter(pk=lab.off.pk).exists()


def back(lab: Any) -> bool:
    lab.vcenter.refresh_from_db()
    return VirtualMachine.objects.filter(pk=lab.off.pk).exists()


def test_the_lab_goes_on_until_a_worker_turns_it_back_once(lab, told, monkeypatch):
    changed(lab)
    audited = AuditEntry.objects.count()
    task = going_back.ask(lab.start, lab.people.student)
    assert (task.state, told, back(lab)) == (TaskState.QUEUED, [task.pk], False)
    seen: list[tuple[str, str, int | None]] = []
    turn = capture.go_back

    def watched(*args: Any) -> Any:
        now_shown = Task.objects.get(pk=task.pk)
        seen.append((now_shown.state, now_shown.phase, now_shown.progress_pct))
        return turn(*args)

    monkeypatch.setattr(capture, "go_back", watched)
    assert jobs.work(task.pk)
    assert seen == [(TaskState.RUNNING, services.TURNING, 40)]
    assert back(lab)
    task.refresh_from_db()
    assert (task.state, task.progress_pct, task.result["checkpoint"]) == (TaskState.SUCCESS, 100, "Start")
    assert task.queued_lab_s == task.completed_lab_s == lab.start.lab_s
    assert AuditEntry.objects.count() == audited + 1
    assert not jobs.work(task.pk)
    assert (lab.vcenter.timeline, len(seen)) == (1, 1)
    pumping.advance(lab.vcenter, 40)


def test_one_at_a_time_and_two_workers_do_it_once(lab, told):
    task = going_back.ask(lab.start, None)
    with pytest.raises(faults.TaskInProgress):
        going_back.ask(lab.start, lab.people.student)
    Task.objects.filter(pk=task.pk).update(lease_until=now() + timedelta(seconds=60))  # another worker is at it
    assert not jobs.work(task.pk)
    Task.objects.filter(pk=task.pk).update(lease_until=now() - timedelta(seconds=1))  # it died
    assert jobs.work(task.pk)
    assert going_back.ask(Checkpoint.objects.get(pk=lab.start.pk), None).live  # and again


def test_a_refusal_ends_the_task_with_its_sentence_and_leaves_the_lab(lab, told):
    changed(lab)
    whole = lab.start.file.read_bytes()
    lab.start.file.write_bytes(whole[:-1])
    damaged = going_back.ask(lab.start, None)
    assert not jobs.work(damaged.pk)
    lab.start.file.write_bytes(whole)
    # Whoever loses the right before a worker comes does not go back any more.
    student = lab.people.student
    late = going_back.ask(lab.start, student)
    lab.vcenter.owner = None
    lab.vcenter.save(update_fields=["owner"])
    assert not jobs.work(late.pk)
    gone = going_back.ask(lab.start, lab.people.teacher)
    Task.objects.filter(pk=gone.pk).update(args={**gone.args, "checkpoint": 0})
    assert not jobs.work(gone.pk)
    stray = going_back.ask(lab.start, lab.people.teacher)
    Task.objects.filter(pk=stray.pk).update(initiator=None)  # an account that was deleted meanwhile
    assert not jobs.work(stray.pk)
    ended = ((damaged, "InvalidState"), (late, "NoPermission"), (gone, "NotFound"), (stray, "NoPermission"))
    for task, fault in ended:
        task.refresh_from_db()
        assert (task.state, task.fault["fault"]) == (TaskState.ERROR, fault)
        assert faults.from_dict(task.fault).sentence
    assert not back(lab)
    assert lab.vcenter.timeline == 0


def test_a_file_that_is_gone_is_said_at_once(lab, told):
    lab.start.file.unlink()
    with pytest.raises(faults.InvalidState):
        going_back.ask(lab.start, None)
    assert not Task.objects.filter(operation=going_back.REWIND.operation.key).exists()
    for who in (lab.people.operator, lab.people.reader, lab.people.outsider):
        with pytest.raises(faults.NoPermission):
            going_back.ask(lab.start, who)


def test_what_waited_when_a_checkpoint_was_taken_does_not_take_the_lab_away_from_it(lab, told):
    first = going_back.ask(lab.start, None)
    between = services.take(lab.vcenter, None, "Between")
    assert jobs.work(first.pk)
    lab.vcenter.refresh_from_db()
    between.refresh_from_db()
    second = going_back.ask(between, None)
    assert jobs.work(second.pk)
    first.refresh_from_db()
    assert (first.state, first.cancelled) == (TaskState.ERROR, True)
    second.refresh_from_db()
    assert second.state == TaskState.SUCCESS
    assert not Task.objects.filter(vcenter=lab.vcenter, state__in=capture.LIVE).exists()


def test_a_message_that_was_lost_is_sent_again(lab, told, monkeypatch):
    def fail(*_args: object, **_options: object) -> None:
        raise OperationalError("no broker")

    with monkeypatch.context() as patched:
        patched.setattr(tasks.lab_job, "apply_async", fail)
        task = going_back.ask(lab.start, None)
    jobs.wake_stranded()
    assert told == []  # it may still be on its way
    Task.objects.filter(pk=task.pk).update(queued_at=now() - 2 * jobs.FORGOTTEN)
    jobs.wake_stranded()
    assert told == [task.pk]
    Task.objects.filter(pk=task.pk).update(attempts=jobs.MAX_ATTEMPTS)
    assert not jobs.work(task.pk)
    task.refresh_from_db()
    assert task.fault["fault"] == "SystemError"
