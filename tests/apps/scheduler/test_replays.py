"""Replaying recorded days: who may, what is refused, what the worker does, what is kept."""

from __future__ import annotations

import io
import tempfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from domain.states import TaskState
from domain.traces import TraceSet
from inventory.models import Task
from inventory.services import tasks as task_services
from scheduler.models import Replay
from scheduler.services import replays
from tests.apps.scheduler.test_pages import World
from tests.engine.replay import hostile

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = 24


def wave(vms: int = 12) -> TraceSet:
    """VMs that sleep in the first half and work in the second."""
    cpu = np.full((vms, STEPS), 5.0, np.float32)
    cpu[:, STEPS // 2 :] = 60.0
    sizes = np.full(vms, 2)
    return TraceSet(
        tuple(f"vm{i}" for i in range(vms)), 300.0, cpu, None, sizes, np.full(vms, 5200, np.float32),
        np.full(vms, 4096, np.float32), "wave",
    )  # fmt: skip


def archive(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


@pytest.fixture
def world(db):
    return World()


def ask(world, who="student", **form):
    client = world.client(who)
    form = {"policy": ["dvfs", "ours"], "origin": "upload", "site": "cluster", "semantics": "physical", **form}
    return client.post(world.verb("replay"), form, headers={"X-Requested-With": "fetch"})


def upload(data: bytes, name: str = "day.npz") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def started(world, **options) -> Replay:
    user = world.cast.student
    asked = replays.Asked(policies=["dvfs", "ours"], traces=wave(), **options)
    return Replay.objects.get(task=replays.start(user, world.cluster, asked))


def test_a_day_runs_policy_by_policy_and_its_figures_are_shown(world):
    row = started(world)
    assert replays.run(row.pk)
    row.refresh_from_db()
    assert (row.done, row.task.state) == (False, TaskState.RUNNING)
    assert replays.run(row.pk)
    assert not replays.run(row.pk)
    row.refresh_from_db()
    assert (row.done, row.task.state, bytes(row.trace)) == (True, TaskState.SUCCESS, b"")
    found = replays.results_of(row)
    assert list(found) == ["dvfs", "ours"]
    assert 0 < row.bound_kwh <= found["ours"]["energy_kwh"] * 1.001
    page = world.client("reader").get(world.page("monitor", "replay"))
    assert "DRS with DPM" in page.content.decode()
    url = reverse("scheduler:drs-curves", args=(world.lab.vcenter.uuid, world.cluster.moref, row.pk))
    curves = world.client("reader").get(url).json()
    assert len(curves["times"]) == len(curves["hosts_on"]["ours"]) == STEPS
    assert world.client("outsider").get(url).status_code == 404


def test_an_upload_is_checked_before_anything_is_started(world):
    cpu = np.full((3, 30), 10, np.uint8)
    names = np.array(["a", "b", "c"])
    good = archive(cpu=cpu, name=names)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("cpu.npy", b"\0" * (170 * 2**20))
    hostile = {
        "bomb.npz": (bomb.getvalue(), "larger than"),
        "pickle.npz": (archive(cpu=np.array([[{}]], object), name=names[:1]), "not allowed"),
        "text.npz": (b"hello", "not a readable"),
        "day.exe": (good, "a .npz or a .csv"),
        "day.csv": (b"t_s,cpu_pct\n0,5\n0,7\n", "line 3"),
    }
    for name, (data, said) in hostile.items():
        answer = ask(world, trace=upload(data, name))
        assert answer.status_code == 409, name
        assert said in answer.content.decode(), (name, answer.content.decode())
    assert ask(world, trace=upload(good), day="9").status_code == 409
    assert ask(world).status_code == 409
    assert ask(world, trace=upload(good), policy=[]).status_code == 409
    assert not Replay.objects.exists()
    assert ask(world, trace=upload(good)).status_code == 202
    assert ask(world, trace=upload(good)).status_code == 409  # one at a time
    assert Replay.objects.get().source == "day"


def test_a_hostile_upload_is_refused_with_a_sentence_and_leaves_nothing(world, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, made in hostile.FILES.items():
        answer = ask(world, trace=upload(made(), name))
        assert answer.status_code == 409, (name, answer.status_code)
        assert "toast" in answer.content.decode(), name
    assert not Replay.objects.exists()
    assert list(tmp_path.glob("trace-*")) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"t_s,cpu_pct\n0,5\n1,5\n2,5\n", "less than 20 s apart"),
        (b"t_s,cpu_pct\n0,5\n1e-300,5\n2e-300,5\n", "less than 20 s apart"),
        (b"t_s,cpu_pct\n0,5\n1e9,5\n2e9,5\n", "more than an hour apart"),
    ],
)
def test_samples_are_some_seconds_to_an_hour_apart(world, data, said):
    answer = ask(world, trace=upload(data, "day.csv"))
    assert (answer.status_code, said in answer.content.decode()) == (409, True)


def test_looking_into_a_bomb_takes_little_memory(world):
    data = upload(hostile.bomb(), "bomb.npz")
    tracemalloc.start()
    try:
        assert ask(world, trace=data).status_code == 409
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_markup_in_the_name_of_a_file_stays_text(world):
    answer = ask(world, trace=upload(b"hello", "<img src=x onerror=alert(1)>.npz"))
    assert answer.status_code == 409
    assert "<img" not in answer.content.decode()


def test_a_reader_may_look_and_a_stranger_finds_nothing(world):
    data = archive(cpu=np.full((3, 30), 10, np.uint8), name=np.array(["a", "b", "c"]))
    assert ask(world, "reader", trace=upload(data)).status_code == 403
    assert ask(world, "outsider", trace=upload(data)).status_code == 404
    assert world.client("student").get(world.page("monitor", "replay") + "?replay=999999").status_code == 404


def test_hours_that_were_not_recorded_yet_cannot_be_replayed(world):
    answer = ask(world, origin="recorded")
    assert answer.status_code == 409
    assert "less than one lab hour" in answer.content.decode()


def test_a_cancelled_replay_ends_and_keeps_what_it_has(world):
    row = started(world)
    assert replays.run(row.pk)
    task = Task.objects.get(pk=row.task_id)
    task_services.cancel(world.cast.student, task)
    assert not replays.run(row.pk)
    row.refresh_from_db()
    task.refresh_from_db()
    assert (task.state, task.cancelled, row.done) == (TaskState.ERROR, True, True)
    assert list(replays.results_of(row)) == ["dvfs"]


def test_a_machine_that_fits_nowhere_ends_the_task_with_a_sentence(world):
    big = wave()
    big = TraceSet(big.names, 300.0, big.cpu_pct, None, big.cores, big.cap_mhz, np.full(12, 9e6, np.float32), "big")
    row = Replay.objects.get(
        task=replays.start(world.cast.student, world.cluster, replays.Asked(policies=["ours"], traces=big))
    )
    assert not replays.run(row.pk)
    row.refresh_from_db()
    assert row.done
    assert "fits on none" in row.fault["fields"]["reason"]


def test_only_the_last_few_are_kept(world):
    for _ in range(replays.KEPT + 2):
        Replay.objects.create(
            cluster=world.cluster, created_lab_s=0, origin="upload", source="x", site="cluster", done=True,
            semantics="physical", vms=1, hosts=1, samples=2, step_s=300,
        )  # fmt: skip
    started(world)
    assert Replay.objects.filter(done=True).count() == replays.KEPT
