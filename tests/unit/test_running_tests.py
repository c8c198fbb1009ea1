"""`manage.py test`: in which environment it runs pytest, and how wide."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vsphere_web.management.commands import test as command

Call = tuple[list[str], Mapping[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What pytest was started with: its arguments and its variables."""
    made: list[Call] = []

    def run(line: Sequence[str], env: Mapping[str, str], **_options: Any) -> SimpleNamespace:
        made.append((list(line[3:]), env))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    return made


def test_compiled_modules_are_kept_for_the_run_where_none_may_lie_beside_the_sources() -> None:
    with command.environment({"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/h"}) as env:
        folder = Path(env["PYTHONPYCACHEPREFIX"])
        assert folder.is_dir()
        assert env == {"HOME": "/h", "PYTHONPYCACHEPREFIX": str(folder)}
    assert not folder.exists()


@pytest.mark.parametrize("outer", [{}, {"PYTHONPYCACHEPREFIX": "/kept"}])
def test_an_environment_that_keeps_them_stays_as_it_is(outer: dict[str, str]) -> None:
    with command.environment(outer) as env:
        assert env == outer


@pytest.mark.parametrize(
    ("arguments", "wide"),
    [([], ["-n", "3"]), (["-x"], ["-n", "3"]), (["tests/unit"], ["-n", "2"]), (["-n0"], []), (["--pdb"], [])],
)
def test_all_tests_run_three_wide_and_some_two_unless_told(
    calls: list[Call], arguments: list[str], wide: list[str]
) -> None:
    command.run_suite(arguments, {})
    assert [line for line, _env in calls] == [[*wide, *arguments]]


def test_the_second_database_gets_the_tests_of_the_apps_first(calls: list[Call]) -> None:
    command.run_suite([], {"TEST_DATABASE_URL": "postgres://somewhere/else", "HOME": "/h"})
    (first, with_it), (last, without) = calls
    assert first == ["-n", "2", "tests/apps"]
    assert with_it["TEST_DATABASE_URL"]
    assert (last, without) == (["-n", "3"], {"HOME": "/h"})
