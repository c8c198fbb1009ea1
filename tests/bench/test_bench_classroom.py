"""What the students of `bench_classroom` tell, and what a second of class costs by it."""

from __future__ import annotations

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
