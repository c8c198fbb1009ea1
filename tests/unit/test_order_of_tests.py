"""Which worker of the suite runs which file: everything once, and nothing else where the browser was driven."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from tests.conftest import FolderScheduling, kind_of

FILES = {"apps/a": 6, "apps/live": 2, "unit": 2, "browser": 3, "live": 4}
TESTS = [
    f"tests/{folder}/test_{n}.py::test_{i}" for folder, files in FILES.items() for n in range(files) for i in (1, 2, 3)
]


@dataclass(eq=False)
class Worker:
    """As xdist's: the last test in hand begins when another has come, or when it was told to end."""

    gateway: SimpleNamespace
    inbox: list[int] = field(default_factory=list)
    shutting_down: bool = False
    clock: int = 0
    ran: list[str] = field(default_factory=list)

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.inbox += numbers

    def shutdown(self) -> None:
        self.shutting_down = True

    def can_run(self) -> bool:
        return len(self.inbox) > (0 if self.shutting_down else 1)


def play(width: int, durations: dict[str | None, int]) -> list[Worker]:
    """Run the tests, which take so long by their kind; return the workers."""
    spec = SimpleNamespace(getvalue=lambda _name: ["popen"] * width, option=SimpleNamespace(loadscopereorder=False))
    workers = [Worker(SimpleNamespace(id=f"gw{i}")) for i in range(width)]
    scheduling = FolderScheduling(spec, None)  # type: ignore[arg-type]
    for worker in workers:
        scheduling.add_node(worker)  # type: ignore[arg-type]
        scheduling.add_node_collection(worker, TESTS)  # type: ignore[arg-type]
    scheduling.schedule()
    while any(worker.inbox for worker in workers):
        worker = min((one for one in workers if one.can_run()), key=lambda one: one.clock)
        number = worker.inbox.pop(0)
        worker.clock += durations.get(kind_of(TESTS[number]), 1)
        worker.ran.append(TESTS[number])
        scheduling.mark_test_complete(worker, number)  # type: ignore[arg-type]
    return workers


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize(("browser", "live"), [(3, 3), (1, 8), (20, 1)])
def test_everything_runs_once_and_after_the_browser_only_live_files(width: int, browser: int, live: int) -> None:
    workers = play(width, {"browser": browser, "live": live})
    assert sorted(name for worker in workers for name in worker.ran) == sorted(TESTS)
    assert all(worker.shutting_down for worker in workers)
    for worker in workers:
        kinds = [kind_of(name) for name in worker.ran]
        if "browser" in kinds:
            first = kinds.index("browser")
            assert set(kinds[first:]) <= {"browser", "live"}
            assert kinds.count("browser") == sum("/browser/" in name for name in TESTS), "one lab serves them"


def test_with_three_workers_those_that_wait_begin_and_two_share_the_rest() -> None:
    driver, second, third = play(3, {"browser": 20, "live": 1})
    assert kind_of(driver.ran[0]) == "browser"
    assert kind_of(second.ran[0]) == "live"
    assert {kind_of(name) for name in third.ran} == {None}
    assert abs(second.clock - third.clock) <= 3


def test_tests_of_the_app_live_start_no_processes() -> None:
    assert [kind_of(f"tests/{folder}/test_it.py::test") for folder in ("apps/live", "live", "browser", "unit")] == [
        None, "live", "browser", None,
    ]  # fmt: skip
