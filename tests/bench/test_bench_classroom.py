"""What the students of `bench_classroom` tell, and what a second of class costs by it."""

from __future__ import annotations

import pytest

from vsphere_web.bench.classroom_report import cost, report, row, sentence, ticks_behind
from vsphere_web.bench.classroom_students import Student, figures


def student(vc: str, arrivals: dict[str, float], pages_s: list[float]) -> Student:
    one = Student(1, {"vc": vc, "paths": [], "watch": ""}, "")
    one.arrivals, one.pages_s = arrivals, pages_s
    return one


def test_pushes_are_counted_by_whether_pages_were_opened_then():
    students = [
        student("a", {"20.0": 99.0, "40.0": 101.0, "60.0": 103.2}, [0.1, 0.3]),
        student("b", {"40.0": 105.5}, [0.2]),
    ]
    recorded = {"a": {"40.0": 100.9, "60.0": 103.0}, "b": {"40.0": 105.0, "60.0": 106.0}}
    told = figures(students, recorded, read_from=103.0)
    # The first arrival came before anything was measured, the last sample of "b" never arrived.
    assert (told["heard"], told["heard_quiet"], told["heard_busy"]) == (3, 1, 2)
    assert (told["pages"], told["failed"]) == (3, 0)
    assert round(told["push_p99_ms"]) == 500
    assert round(told["page_p50_ms"]) == 200


def test_a_class_that_heard_nothing_has_no_percentiles():
    told = figures([student("a", {}, [])], {"a": {}}, read_from=1.0)
    assert told["push_p99_ms"] is None
    assert (told["heard_quiet"], told["heard_busy"], told["pages"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("lag_s", "ticks"), [(0.0, 0), (0.4, 0), (1.0, 0), (1.2, 1), (2.0, 1), (2.01, 2), (140.0, 139)]
)
def test_a_lab_that_waits_for_its_next_tick_is_not_behind(lag_s, ticks):
    assert ticks_behind(lag_s) == ticks


def test_json_has_the_keys_of_the_benchmarks_and_the_bars():
    rows = [
        row("ticks_behind_max", "ticks", 1, "", 1), row("p95_page_ms", "page, p95", 201.0, "ms", 200.0),
        row("p99_push_ms", "push, p99", None, "ms", 1000.0), row("p50_page_ms", "page, p50", 80.0, "ms"),
        row("memory_mib_per_lab", "memory", 18.0, "MiB"), row("disk_mib_per_lab", "disk", 2.0, "MiB"),
        row("rings_to_come_mib_per_lab", "rings", 28.0, "MiB"),
    ]  # fmt: skip
    told = report([*rows, cost(rows)], students=40, hosts=8)
    assert {"students", "p95_page_ms", "p99_push_ms", "ticks_behind_max", "mib_per_lab"} <= told.keys()
    assert (told["students"], told["mib_per_lab"], told["p99_push_ms"]) == (40, 48.0, None)
    assert set(told["bars"]) == {"ticks_behind_max", "p95_page_ms", "p99_push_ms", "mib_per_lab"}
    assert told["mib_per_lab"] > told["bars"]["mib_per_lab"]  # 50 MB are less than 50 MiB
    said = {one["key"]: sentence(one) for one in [*rows, cost(rows)]}
    assert [key for key, text in said.items() if "MISSED" in text] == ["p95_page_ms", "p99_push_ms", "mib_per_lab"]
    assert "held" in said["ticks_behind_max"]
