"""`manage.py bench_cycle`: every phase has its figure, those with a bar are judged."""

import json
from io import StringIO

from django.core.management import call_command

SMALL = ("--hosts=8", "--vms=120", "--evacuate")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("bench_cycle", *SMALL, *arguments, stdout=out)
    return out.getvalue()


def test_every_phase_is_measured() -> None:
    rows = {row["phase"]: row for row in json.loads(run("--json"))["rows"]}
    assert set(rows) == {"entitlement", "precheck", "plan", "dpm", "evacuate"}
    assert rows["evacuate"]["moves"] > 0
    assert all(row["seconds"] > 0 for row in rows.values())
    assert rows["precheck"]["bar_seconds"] == 0.05


def test_a_figure_stands_beside_its_bar() -> None:
    lines = [line for line in run().splitlines() if "bar" in line]
    assert [line.split(":")[0].strip() for line in lines] == ["precheck", "plan"]
    assert all("kept" in line or "MISSED" in line for line in lines)
