"""Fixtures of the whole suite: a real Valkey, a real lab, a real browser; and the order of the tests."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.scheduler import LoadScopeScheduling

from tests.flushing import flush_what_is_filled
from tests.labs import RECORDED_DAY, LabProcess
from vsphere_web.env import valkey_socket
from vsphere_web.messages import compile_catalogues
from vsphere_web.supervisor import valkey
from vsphere_web.supervisor.processes import Child, Program, end_all

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Folder of tests -> its marker. These start processes, and run last, in this order: the browser's driver keeps an event
# loop in its thread, after which neither asyncio tests nor the ORM work there. The live ones need neither; while one
# worker drives the browser, the other takes them, file by file.
PROCESS_TESTS = {"browser": "browser", "live": "live"}
ONE_LAB, LIVE = PROCESS_TESTS  # all of the first folder share a lab and so a worker
ENOUGH_WORKERS = 3

# Nothing is measured by the clock on the wall: a machine may be busy with something else.
hypothesis_settings.register_profile(
    "suite", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the message catalogues that changed."""
    compile_catalogues(settings.LOCALE_PATHS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start processes by their folder, and run them last."""
    rank = {None: 0} | {kind: place for place, kind in enumerate(PROCESS_TESTS, start=1)}
    kinds = {item: kind_of(item.nodeid) for item in items}
    for item, kind in kinds.items():
        if kind:
            item.add_marker(PROCESS_TESTS[kind])
    items.sort(key=lambda item: rank[kinds[item]])


def pytest_collection_finish() -> None:
    """Leave what all tests share to itself: looking for rubbish among it again and again takes 4 of 100 seconds."""
    gc.collect()
    gc.freeze()


def kind_of(name: str) -> str | None:
    """The folder of PROCESS_TESTS that a test or a file is in, by its path in the project (tests/apps/live is none)."""
    folder = Path(name.partition("::")[0]).parts[1:2]
    return next((kind for kind in PROCESS_TESTS if (kind,) == folder), None)


class FolderScheduling(LoadScopeScheduling):
    """Gives a whole file to one worker, and all tests with the browser: one lab serves them.

    With three workers or more, one begins with the browser and another with the live files: they wait most of the time,
    for a lab and for Chromium, and the rest of the suite uses the processors meanwhile. Two workers share the rest
    first: who has driven the browser can take nothing but live files afterwards (see PROCESS_TESTS).

    xdist's own groups are of no use here: 3.8 marks them in a way that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return ONE_LAB if kind_of(path) == ONE_LAB else path

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(self._next_for(node), last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        """Let a worker end for which nothing is left that it can do."""
        if self.workqueue and self._next_for(node) is None:
            if not node.shutting_down:
                node.shutdown()
            return
        super()._reschedule(node)

    def _next_for(self, node: Any) -> str | None:
        """The scope that this worker takes next; None where none is for it."""
        live = [scope for scope in self.workqueue if kind_of(scope) == LIVE]
        if ONE_LAB in self.assigned_work.get(node, ()):
            return next(iter(live), None)
        if self.numnodes >= ENOUGH_WORKERS:
            if ONE_LAB in self.workqueue:
                return ONE_LAB
            if live and not any(self._is_at_live_files(other) for other in self.nodes if other is not node):
                return live[0]
            return next((scope for scope in self.workqueue if scope not in live), next(iter(live), None))
        return next(iter(self.workqueue), None)

    def _is_at_live_files(self, node: Any) -> bool:
        work = self.assigned_work[node].items()
        return any(kind_of(scope) == LIVE and not all(done.values()) for scope, done in work)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderScheduling:
    """Tell xdist how to share the tests out."""
    return FolderScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def suite_valkey() -> Iterator[str]:
    """Run the Valkey that `settings.REDIS_URL` names; return that address."""
    folder = Path(settings.DATA_DIR)
    socket = valkey_socket(folder)
    valkey.prepare(socket, folder / "valkey")
    command = valkey.command(valkey.find_server(), socket, folder / "valkey")
    server = Child(Program("valkey", command, {}, folder / "valkey.log"), on_death=print)
    server.start()
    assert valkey.wait_until_it_answers(settings.REDIS_URL, patience_s=120)
    yield settings.REDIS_URL
    end_all([server], grace_s=30)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database, and a quick way to empty it."""
    with django_db_blocker.unblock():
        flush_what_is_filled()


@pytest.fixture(scope="session")
def _flusher(suite_valkey: str) -> Iterator[redis.Redis]:
    """One connection for all tests: making one takes longer than flushing."""
    with redis.Redis.from_url(suite_valkey) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_valkey(_flusher: redis.Redis) -> None:
    """Let each test begin with an empty Valkey."""
    _flusher.flushall()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run `manage.py lab` with a demo datacenter of 8 hosts and 120 virtual machines until the session ends."""
    traces = [f"--traces={RECORDED_DAY}"] if RECORDED_DAY.exists() else []
    lab = LabProcess(tmp_path_factory.mktemp("lab"), "--hosts=8", "--vms=120", "--seed=1", *traces)
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Tell pytest-playwright to drive the installed Chromium; skip where there is none."""
    if not CHROMIUM:
        pytest.skip("No Chromium on the PATH (Debian: apt install chromium): browser tests are left out.")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def base_url(request: pytest.FixtureRequest) -> str:
    """Return the address of the lab that `page.goto("/…")` starts from."""
    url: str = request.getfixturevalue("lab_server").url
    return url
