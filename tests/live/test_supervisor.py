"""`manage.py lab` as real processes: it starts, says what is wrong, heals, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.labs import LabProcess, free_port, wait_for

PARTS = {"valkey", "web", "worker", "pump", "beat"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run one small lab for the tests that leave it well."""
    lab = LabProcess(tmp_path_factory.mktemp("supervised"), "--hosts=2", "--vms=4", "--seed=1")
    yield lab.start()
    lab.stop()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[LabProcess]]:
    """Collect labs that are to be stopped after the test."""
    labs: list[LabProcess] = []
    yield labs
    for lab in labs:
        lab.stop()


@pytest.fixture
def seeded(lab: LabProcess, tmp_path: Path) -> Path:
    """Return a folder with a copy of the running lab's datacenter: a lab starts there without making one."""
    source, target = sqlite3.connect(lab.data_dir / "db.sqlite3"), sqlite3.connect(tmp_path / "db.sqlite3")
    with closing(source), closing(target):
        source.backup(target)
    return tmp_path


def health(lab: LabProcess) -> dict[str, object]:
    """Return what /healthz says; empty while it does not answer."""
    try:
        with urllib.request.urlopen(f"{lab.url}healthz", timeout=120) as answer:
            well: dict[str, object] = json.load(answer)
            return well
    except OSError:
        return {}


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def family(pid: int) -> set[int]:
    """Return `pid` and every descendant of it."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()
    ]
    return {pid}.union(*(family(child) for child in children)) if children else {pid}


def test_every_part_runs_and_the_terminal_names_address_and_progress(lab: LabProcess) -> None:
    assert set(lab.pids()) == PARTS
    assert health(lab) == {"status": "ok", "database": True, "redis": True}
    said = lab.terminal()
    assert f"Ready: {lab.url}" in said
    assert re.search(r"Waiting for the first live push \.\.\. done", said)
    assert all(re.search(rf"{account['username']} +{account['password']}", said) for account in lab.accounts())
    assert re.search(r"Preparing the database \.\.\. done", said)
    assert "failed" not in said


def test_the_web_server_is_bound_to_the_loopback_alone(lab: LabProcess) -> None:
    own_address = socket.gethostbyname(socket.gethostname())
    if own_address.startswith("127."):
        pytest.skip("This machine has no other address.")
    with socket.socket() as client:
        client.settimeout(2)
        assert client.connect_ex((own_address, lab.port)) != 0


def test_a_host_name_that_the_lab_is_not_bound_to_is_refused(lab: LabProcess) -> None:
    request = urllib.request.Request(f"{lab.url}healthz", headers={"Host": "elsewhere.example.org"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_a_second_lab_in_the_same_folder_says_where_the_first_is(lab: LabProcess) -> None:
    assert LabProcess(lab.data_dir).run_to_end() == 1
    assert f"A lab is running in this folder already: {lab.url} (process {lab.note()['pid']})" in lab.terminal()
    assert health(lab)["status"] == "ok"


def test_a_port_in_use_is_reported_with_a_free_one(lab: LabProcess, tmp_path: Path) -> None:
    other = LabProcess(tmp_path, port=lab.port)
    assert other.run_to_end() == 1
    assert f"Port {lab.port} on 127.0.0.1 is in use" in other.terminal()
    assert re.search(r"--port \d+", other.terminal())


@pytest.mark.parametrize("part", sorted(PARTS))
def test_a_killed_part_comes_back_and_its_old_processes_are_gone(lab: LabProcess, part: str) -> None:
    before = lab.pids()
    old_family = family(before[part])
    os.kill(before[part], signal.SIGKILL)
    wait_for(lambda: lab.pids().get(part) not in (None, before[part]), f"{part} to be started again")
    wait_for(lambda: health(lab).get("status") == "ok", "the site to be well")
    wait_for(lambda: not any(map(is_alive, old_family)), f"the rest of the old {part} to end")
    assert "A live push arrived" in lab.manage("probe_push", lab.url, "--patience=600")
    after = lab.pids()
    assert {name: pid for name, pid in after.items() if name != part} == {
        name: pid for name, pid in before.items() if name != part
    }


def jobs_done(lab: LabProcess, queue: str) -> int:
    """Return how many jobs the worker of `queue` has taken since it started; -1 while it does not answer."""
    code = f"""
import json, socket
from vsphere_web.celery import app
name = "{queue}@" + socket.gethostname()
stats = (app.control.inspect([name], timeout=30, limit=1).stats() or {{}}).get(name)
print("answer", json.dumps(sum(stats["total"].values()) if stats else -1))
"""
    return int(lab.manage("shell", "-c", code).rpartition("answer")[2])


@pytest.mark.parametrize("queue", ["default", "pump"])
def test_workers_take_jobs_again_after_valkey_was_killed(lab: LabProcess, queue: str) -> None:
    before = lab.pids()["valkey"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: lab.pids().get("valkey") not in (None, before), "Valkey to be started again")
    wait_for(lambda: health(lab).get("redis"), "Valkey to answer")
    earlier = jobs_done(lab, queue)
    send = f"from vsphere_web.celery import app; app.send_task('celery.backend_cleanup', queue='{queue}')"
    lab.manage("shell", "-c", send)
    wait_for(lambda: jobs_done(lab, queue) > max(earlier, 0), f"the {queue} worker to take the job")


def test_an_interrupt_ends_every_process_and_the_data_survive(seeded: Path, started: list[LabProcess]) -> None:
    first = LabProcess(seeded).start()
    first.manage("shell", "-c", "from django.contrib.auth.models import Group; Group.objects.create(name='kept')")
    first.manage("shell", "-c", "import redis; from django.conf import settings; "
                 "redis.Redis.from_url(settings.REDIS_URL).set('kept', 'yes')")  # fmt: skip
    everybody = family(first.note()["pid"])
    assert first.stop(signal.SIGINT) == 0
    assert not any(map(is_alive, everybody))
    assert first.note() == {}

    second = LabProcess(seeded, port=first.port).start()
    started.append(second)
    groups = second.manage(
        "shell", "-c", "from django.contrib.auth.models import Group; print(Group.objects.get(name='kept').name)"
    )
    assert "kept" in groups
    kept = second.manage("shell", "-c", "import redis; from django.conf import settings; "
                         "print(redis.Redis.from_url(settings.REDIS_URL).get('kept'))")  # fmt: skip
    assert "yes" in kept


def test_nothing_outlives_a_supervisor_that_is_killed(seeded: Path) -> None:
    lab = LabProcess(seeded).start()
    everybody = family(lab.note()["pid"])
    assert lab.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not any(map(is_alive, everybody)), "every process to end")


def test_sigterm_is_as_clean_as_an_interrupt(seeded: Path) -> None:
    lab = LabProcess(seeded).start()
    everybody = family(lab.note()["pid"])
    assert lab.stop(signal.SIGTERM) == 0
    assert not any(map(is_alive, everybody))


def test_fresh_forgets_the_labs_own_files_and_no_other(tmp_path: Path, started: list[LabProcess]) -> None:
    (tmp_path / "homework.txt").write_text("mine")
    (tmp_path / "db.sqlite3").write_text("not a database")
    lab = LabProcess(tmp_path, "--fresh", "--hosts=2", "--vms=4").start()
    started.append(lab)
    assert (tmp_path / "homework.txt").read_text() == "mine"
    assert health(lab)["status"] == "ok"


def test_a_lab_uses_the_redis_it_is_pointed_at_and_starts_none(
    suite_valkey: str, seeded: Path, started: list[LabProcess]
) -> None:
    lab = LabProcess(seeded, env={"REDIS_URL": suite_valkey}).start()
    started.append(lab)
    assert set(lab.pids()) == PARTS - {"valkey"}
    assert not (seeded / "valkey").exists()


def test_a_redis_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    lab = LabProcess(tmp_path, env={"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    assert lab.run_to_end() == 1
    assert "REDIS_URL" in lab.terminal()
    assert "What to do" in lab.terminal()


def test_a_folder_with_a_long_name_works(seeded: Path, started: list[LabProcess]) -> None:
    deep = seeded / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    (seeded / "db.sqlite3").rename(deep / "db.sqlite3")
    lab = LabProcess(deep).start()
    started.append(lab)
    assert health(lab)["redis"] is True


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("--port=70000", "a port is a number"),
        ("--vms=-1", "a count is a number"),
        ("--traces=/no/such", "there is no file"),
    ],
)
def test_a_wrong_option_is_explained(tmp_path: Path, argument: str, told: str) -> None:
    lab = LabProcess(tmp_path, argument)
    assert lab.run_to_end() == 2
    assert told in lab.terminal()


def test_a_folder_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    lab = LabProcess(tmp_path, f"--data-dir={tmp_path / 'file' / 'lab'}")
    assert lab.run_to_end() == 1
    assert "The data folder cannot be used" in lab.terminal()
