"""Checkpoints, copies and captures in a worker: no request waits, the task tells the truth, and whatever dies on the
way leaves nothing half made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from classroom import tasks
from classroom.checkpoints import archive, capture, going_back, jobs, keeping, services
from classroom.models import Batch, Checkpoint, Lab, LabTemplate
from classroom.services import batches, courses, labs, sources
from domain import faults
from domain.states import TaskState
from inventory import fleet, metrics
from inventory.models import AuditEntry, Task, VCenter, VirtualMachine
from inventory.services import vms
from tests import builders, cast, pumping
from tests.apps.classroom.people import Class, make_class
from tests.cast import make_user

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """A worker dies: nobody catches it."""


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that workers were told of."""
    ids: list[int] = []
    monkeypatch.setattr(tasks.lab_job, "apply_async", lambda args, **_options: ids.append(*args))
    monkeypatch.setattr(tasks.work, "apply_async", lambda *_args, **_options: None)
    return ids


@pytest.fixture
def lab() -> Any:
    made = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(made.vcenter)
    pumping.advance(made.vcenter, 20)
    made.people = cast.make_cast(made.vcenter)
    return made


def lease_is_over(row: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(lease_until=now())


def files() -> list[str]:
    """Everything that lies about for checkpoints, captured labs and figures."""
    root = Path(settings.DATA_DIR)
    found = [path for place in ("checkpoints", "classroom") for path in (root / place).rglob("*")]
    return sorted(str(path.relative_to(root)) for path in found)


def leaves_nothing(uuid: str) -> bool:
    """No fleet and no figures of a vCenter that has not come to be."""
    return fleet.store_of(VCenter(uuid=uuid)).load() is None and not metrics.folder(VCenter(uuid=uuid)).exists()


def killed_at(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, do: Any) -> None:
    """Do it, and die where `place.name` has just been done."""
    real = getattr(place, name)

    def dies(*args: Any, **options: Any) -> Any:
        real(*args, **options)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(place, name, dies)
        with pytest.raises(Killed):
            do()


# --- checkpoints -----------------------------------------------------------------------------------------------------
def test_a_checkpoint_is_taken_by_a_worker_once_and_shows_how_far_it_is(lab, told, monkeypatch):
    audited = AuditEntry.objects.count()
    task = keeping.ask_to_take(lab.vcenter, lab.people.student, " Before ")
    assert (task.state, told, Checkpoint.objects.count()) == (TaskState.QUEUED, [task.pk], 0)
    with pytest.raises(faults.TaskInProgress):
        keeping.ask_to_take(lab.vcenter, lab.people.student, "Another")
    seen: list[tuple[str, str, int | None]] = []

    def watched(place: Any, name: str) -> None:
        real = getattr(place, name)

        def looks(*args: Any) -> Any:
            shown = Task.objects.get(pk=task.pk)
            seen.append((shown.state, shown.phase, shown.progress_pct))
            return real(*args)

        monkeypatch.setattr(place, name, looks)

    watched(capture, "taken")
    watched(archive, "write")
    assert jobs.work(task.pk)
    assert seen == [(TaskState.RUNNING, services.READING, 20), (TaskState.RUNNING, services.PACKING, 60)]
    task.refresh_from_db()
    assert (task.state, task.progress_pct, task.result) == (TaskState.SUCCESS, 100, {"checkpoint": "Before"})
    kept = Checkpoint.objects.get()
    assert (kept.name, kept.by, kept.file.is_file()) == ("Before", lab.people.student, True)
    assert AuditEntry.objects.count() == audited + 1
    assert not jobs.work(task.pk)


def test_who_comes_back_to_a_checkpoint_finds_no_task_that_takes_it(lab):
    assert jobs.work(keeping.ask_to_take(lab.vcenter, None, "Start").pk)
    start = Checkpoint.objects.get()
    assert jobs.work(going_back.ask(start, None).pk)
    assert not Task.objects.filter(vcenter=lab.vcenter, state__in=jobs.LIVE).exists()
    assert not Task.objects.filter(vcenter=lab.vcenter, description_id="Lab.takeCheckpoint").exists()
    assert keeping.ask_to_take(VCenter.objects.get(pk=lab.vcenter.pk), None, "Again").live


def test_what_cannot_be_kept_is_said_in_the_dialog(lab):
    services.take(lab.vcenter, None, "Start")
    refusals = [
        (lab.people.student, "Start", faults.DuplicateName),
        (lab.people.student, " ", faults.InvalidName),
        (lab.people.reader, "Mine", faults.NoPermission),
        (lab.people.outsider, "Mine", faults.NoPermission),
    ]
    for who, name, fault in refusals:
        with pytest.raises(fault):
            keeping.ask_to_take(lab.vcenter, who, name)
    start = Checkpoint.objects.get()
    for who in (lab.people.student, lab.people.reader):  # the student makes no vCenters
        with pytest.raises(faults.NoPermission):
            keeping.ask_to_copy(start, who, "Twin")
    start.file.unlink()
    with pytest.raises(faults.InvalidState):
        keeping.ask_to_copy(start, lab.people.teacher, "Twin")
    assert not Task.objects.filter(operation__in=jobs.JOBS).exists()


@pytest.mark.parametrize(("place", "name"), [(archive, "write"), (capture, "taken"), (services, "_kept")])
def test_a_worker_that_dies_is_followed_by_another(lab, place, name, monkeypatch):
    task = keeping.ask_to_take(lab.vcenter, None, "Before")
    killed_at(monkeypatch, place, name, lambda: jobs.work(task.pk))
    assert not jobs.work(task.pk)  # its lease is not over yet
    lease_is_over(task)
    jobs.work(task.pk)
    task.refresh_from_db()
    assert task.state == TaskState.SUCCESS
    kept = Checkpoint.objects.get()
    assert services.read(kept).facts["lab_s"] == kept.lab_s
    assert [path for path in files() if str(lab.vcenter.uuid) in path and path.endswith(".lab")] == [
        f"checkpoints/{kept.path}"
    ]


def test_where_every_worker_dies_the_task_ends_in_error_and_no_file_stays(lab, monkeypatch):
    before = files()
    task = keeping.ask_to_take(lab.vcenter, None, "Before")
    for _time in range(jobs.MAX_ATTEMPTS):
        killed_at(monkeypatch, archive, "write", lambda: jobs.work(task.pk))
        lease_is_over(task)
    assert files() != before
    draft = (services.folder() / task.args["path"]).with_suffix(".new")
    draft.write_bytes(b"half")
    assert not jobs.work(task.pk)
    task.refresh_from_db()
    assert (task.state, task.fault["fault"]) == (TaskState.ERROR, "SystemError")
    assert files() == before
    assert not Checkpoint.objects.exists()


def test_a_task_that_ended_while_a_worker_was_at_it_leaves_nothing(lab, monkeypatch):
    before = files()
    task = keeping.ask_to_take(lab.vcenter, None, "Before")
    packed = services._packed

    def reset_meanwhile(taken: archive.Archive) -> bytes:
        Task.objects.filter(pk=task.pk).delete()
        return packed(taken)

    monkeypatch.setattr(services, "_packed", reset_meanwhile)
    assert not jobs.work(task.pk)
    assert not Checkpoint.objects.exists()
    assert files() == before


# --- copies of checkpoints -------------------------------------------------------------------------------------------
def test_a_copy_is_made_by_a_worker_once_beside_other_jobs(lab):
    start = services.take(lab.vcenter, None, "Start")
    task = keeping.ask_to_copy(start, lab.people.teacher, "Twin")
    other = keeping.ask_to_take(lab.vcenter, lab.people.student, "Before")  # nobody is held up
    assert not VCenter.objects.filter(name="Twin").exists()
    assert jobs.work(task.pk)
    twin = VCenter.objects.get(name="Twin")
    assert twin.owner == lab.people.teacher
    task.refresh_from_db()
    assert task.result == {"vcenter": str(twin.uuid), "name": "Twin"}
    assert not jobs.work(task.pk)
    assert jobs.work(other.pk)


def test_a_copy_that_came_to_no_end_leaves_neither_rows_nor_fleet_nor_figures(lab, monkeypatch):
    start = services.take(lab.vcenter, None, "Start")
    task = keeping.ask_to_copy(start, lab.people.teacher, "Twin")
    for _time in range(jobs.MAX_ATTEMPTS):
        killed_at(monkeypatch, capture, "_begin", lambda: jobs.work(task.pk))
        lease_is_over(task)
    uuid = task.args["vcenter"]
    assert not leaves_nothing(uuid)
    assert not jobs.work(task.pk)
    task.refresh_from_db()
    assert (task.state, task.fault["fault"]) == (TaskState.ERROR, "SystemError")
    assert leaves_nothing(uuid)
    assert not VCenter.objects.filter(name="Twin").exists()


def test_a_copy_goes_on_with_the_very_fleet_though_a_job_waits(lab):
    start = services.take(lab.vcenter, None, "Start")
    going_back.ask(start, None)
    copy = services.copy_now(lab.vcenter, None, "Twin")
    assert fleet.store_of(copy).load() == fleet.store_of(lab.vcenter).load() is not None
    assert not Task.objects.filter(vcenter=copy, state__in=jobs.LIVE).exists()


# --- copies for the projector, templates from labs -------------------------------------------------------------------
@pytest.fixture
def made() -> Class:
    return make_class(1, with_labs=True)


def captured(made: Class) -> Batch:
    return batches.capture(
        made.teacher, made.course, made.labs[0].vcenter, name="As it is", description="", speed=0.0
    )  # fmt: skip


def test_a_copy_for_the_projector_is_there_once_whoever_dies(made, monkeypatch):
    batch = batches.copy_lab(made.teacher, made.labs[0])
    assert not Lab.objects.exclude(copied_from=None).exists()
    killed_at(monkeypatch, labs.base, "record", lambda: batches.work(batch.pk))  # before it is kept
    lease_is_over(batch)
    killed_at(monkeypatch, labs, "copy", lambda: batches.work(batch.pk))  # behind it
    lease_is_over(batch)
    assert batches.work(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.errors) == (Batch.FINISHED, 1, [])
    copy = Lab.objects.get(copied_from=made.labs[0])
    assert copy.vcenter.owner == made.teacher
    assert not Task.objects.filter(vcenter=made.labs[0].vcenter).exists(), "the student sees nothing of it"


def test_a_template_is_captured_once_whoever_dies(made, monkeypatch):
    before = files()
    batch = captured(made)
    assert not LabTemplate.objects.filter(name="As it is").exists()
    killed_at(monkeypatch, sources, "capture", lambda: batches.work(batch.pk))
    lease_is_over(batch)
    assert batches.work(batch.pk)
    template = LabTemplate.objects.get(name="As it is")
    assert (sources.folder() / template.capture).is_file()
    assert set(files()) - set(before) <= {f"classroom/{template.capture}", "classroom"}


def test_what_no_worker_could_finish_is_said_and_nothing_of_it_stays(made, monkeypatch):
    before = files()
    for ask, place, name in (
        (lambda: captured(made), sources, "capture"),
        (lambda: batches.copy_lab(made.teacher, made.labs[0]), capture, "_begin"),
    ):
        batch = ask()
        for _time in range(jobs.MAX_ATTEMPTS):
            killed_at(monkeypatch, place, name, lambda batch=batch: batches.work(batch.pk))
            lease_is_over(batch)
        assert batches.work(batch.pk)
        batch.refresh_from_db()
        assert (batch.state, [one["fault"] for one in batch.errors]) == (Batch.FINISHED, ["SystemError"])
        assert batch.args.get("vcenter") is None or leaves_nothing(batch.args["vcenter"])
    assert files() == before
    assert VCenter.objects.count() == LabTemplate.objects.count() == 1


def test_one_lab_over_which_workers_die_does_not_stop_the_class(monkeypatch):
    made = make_class(2, with_labs=True)
    batch = batches.for_labs(made.teacher, made.course, "reset")
    bad, real = made.labs[0].pk, labs.reset

    def dies(lab: Lab, by: Any) -> None:
        if lab.pk == bad:
            raise Killed
        real(lab, by)

    monkeypatch.setattr(labs, "reset", dies)
    for _time in range(jobs.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            batches.work(batch.pk)
        lease_is_over(batch)
    assert batches.work(batch.pk)
    batch.refresh_from_db()
    assert (batch.done, [one["name"] for one in batch.errors]) == (2, ["Lee 0"])


def test_a_teacher_who_has_gone_or_teaches_no_more_makes_nothing(made):
    helper = make_user("helper")
    courses.add_co_teacher(made.teacher, made.course, "helper")
    batch = batches.copy_lab(helper, made.labs[0])
    courses.remove_co_teacher(made.teacher, made.course, helper.pk)
    assert batches.work(batch.pk)
    batch.refresh_from_db()
    assert [one["fault"] for one in batch.errors] == ["NoPermission"]
    batch = captured(made)
    Batch.objects.filter(pk=batch.pk).update(by=None)
    assert batches.work(batch.pk)
    batch.refresh_from_db()
    assert [one["fault"] for one in batch.errors] == ["NoPermission"]
    assert not Lab.objects.exclude(copied_from=None).exists()


def test_only_teachers_ask_and_a_vm_under_way_holds_nobody_up(made):
    for who in (made.students[0], make_user("stranger")):
        with pytest.raises(faults.NoPermission):
            batches.copy_lab(who, made.labs[0])
    rows = VirtualMachine.objects.filter(vcenter=made.labs[0].vcenter, template=False)
    vms.power_off(None, rows.filter(power_state="poweredOn").earliest("pk"))
    assert batches.work(batches.copy_lab(made.teacher, made.labs[0]).pk)
    assert Lab.objects.filter(copied_from=made.labs[0]).exists()
