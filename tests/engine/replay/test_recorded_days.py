"""Published figures reproduced, and the bars that our policy has to clear. Needs the recorded days (BENCHMARK_DATA)."""

from __future__ import annotations

import json
from io import StringIO
from statistics import median
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from domain.testbed import load_testbed
from domain.traces import load_traces
from scheduler.engine.replay import ReplayResult, bound_kwh, replay, setting
from tests.engine.replay.cases import DATA, needs_data, write_testbed

# Energy bound (kWh), and LR-MMT's energy (kWh), migrations and ESV (1e-3), from CloudSim 4.0 on the same days.
LR_MMT = {
    "20110303": (96.64, 163.48, 27_859, 7.59),
    "20110306": (71.93, 123.28, 20_878, 5.70),
    "20110309": (81.10, 142.09, 24_959, 8.55),
    "20110322": (98.34, 177.48, 32_038, 8.24),
    "20110403": (132.34, 219.70, 37_972, 10.04),
    "20110411": (100.87, 176.12, 31_960, 8.61),
}
RAM_BOUND_KWH = {
    "20110303": 696, "20110306": 593, "20110309": 699, "20110322": 1000, "20110403": 974, "20110411": 814
}  # fmt: skip
ROW_KEYS = {
    "day", "policy", "semantics", "hosts", "vms", "energy_kwh", "bound_kwh", "slatah", "pdm", "slav", "esv",
    "migrations", "unserved_ratio", "seconds", "peak_mib",
}  # fmt: skip


def recorded(day: str, policy: str, semantics: str = "literature") -> ReplayResult:
    path = DATA / "planetlab" / f"planetlab-{day}.npz"
    return replay(load_traces(path), load_testbed(DATA / "hosts.json"), policy, semantics)


@needs_data
def test_hosts_without_power_management_and_the_finished_vms_exactly() -> None:
    result = recorded("20110303", "npa")
    assert round(result.energy_kwh, 2) == 2410.80
    assert (result.dropped, result.vms) == (532, 1052)


@needs_data
def test_dvfs_as_published() -> None:
    result = recorded("20110303", "dvfs")
    assert result.energy_kwh == pytest.approx(802.75, abs=0.01)
    assert result.migrations == 0


@needs_data
@pytest.mark.parametrize(
    ("policy", "energy_kwh", "migrations", "slav_pct"),
    [("lr-mmt", 163.48, 27_859, 0.00464), ("thr-mmt", 192.62, 26_711, 0.00318)],
)
def test_the_heuristics_move_for_move(policy: str, energy_kwh: float, migrations: int, slav_pct: float) -> None:
    result = recorded("20110303", policy)
    assert result.energy_kwh == pytest.approx(energy_kwh, abs=0.005)
    assert result.migrations == migrations
    assert result.slav * 100 == pytest.approx(slav_pct, abs=5e-6)


@needs_data
@pytest.mark.parametrize("day", sorted(LR_MMT))
def test_the_bounds_as_published(day: str) -> None:
    traces, testbed = load_traces(DATA / "planetlab" / f"planetlab-{day}.npz"), load_testbed(DATA / "hosts.json")
    liquid, ram = (setting(traces, testbed, semantics) for semantics in ("literature", "physical"))
    assert bound_kwh(liquid.fleet, liquid.work, "literature") == pytest.approx(LR_MMT[day][0], rel=0.001)
    assert bound_kwh(ram.fleet, ram.work, "physical") == pytest.approx(RAM_BOUND_KWH[day], rel=0.003)


@needs_data
def test_ours_clears_the_bars_of_the_literature_setting() -> None:
    results = {day: recorded(day, "ours") for day in LR_MMT}
    over_bound, over_lr, slav, esv, moves = [], [], [], [], []
    for day, (bound, lr_kwh, lr_moves, lr_esv) in LR_MMT.items():
        result = results[day]
        over_bound.append(result.energy_kwh / bound)
        over_lr.append(result.energy_kwh / lr_kwh)
        slav.append(result.slav)
        esv.append(result.esv * 1000 / lr_esv)
        moves.append(result.migrations / lr_moves)
    assert median(over_bound) <= 1.20
    assert median(over_lr) <= 0.75
    assert median(slav) <= 1e-6
    assert median(esv) <= 0.01
    assert median(moves) <= 1 / 12


@needs_data
def test_ours_clears_the_bars_of_the_physical_setting() -> None:
    results = {day: recorded(day, "ours", "physical") for day in RAM_BOUND_KWH}
    assert median(results[day].energy_kwh / kwh for day, kwh in RAM_BOUND_KWH.items()) <= 1.10
    assert median(result.unserved_ratio for result in results.values()) <= 0.0005
    assert all(result.details["ram_peak_ratio"] <= 1.0 for result in results.values())


@needs_data
def test_a_sized_trace_replays_on_modern_hosts() -> None:
    month = load_traces(next((DATA / "bitbrains").glob("*.npz")))
    result = replay(month.window(2000, 2072), load_testbed(DATA / "hosts.json"), "ours", "physical")
    assert result.vms == 500
    assert result.details["ram_peak_ratio"] <= 1.0
    assert result.bound_kwh is not None
    assert result.energy_kwh >= result.bound_kwh * (1 - result.unserved_ratio)


def command(tmp_path: Any, *arguments: str) -> str:
    out = StringIO()
    call_command("bench_consolidation", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def small_day(tmp_path: Any) -> list[str]:
    lines = "".join(f"{300 * k},{20 + 5 * (k % 3)}\n" for k in range(12))
    (tmp_path / "vm.csv").write_text("t_s,cpu_pct\n" + lines)
    return [str(tmp_path / "vm.csv"), "--hosts", str(write_testbed(tmp_path / "hosts.json"))]


def test_the_command_prints_the_agreed_keys(tmp_path: Any, small_day: list[str]) -> None:
    printed = json.loads(command(tmp_path, *small_day, "--policy", "ours", "--policy", "npa", "--json"))
    assert [row["policy"] for row in printed["rows"]] == ["ours", "npa"]
    assert all(set(row) >= ROW_KEYS for row in printed["rows"])
    assert set(printed["machine"]) == {"cpus", "processor", "system", "python", "numpy"}


def test_the_command_prints_a_table_with_the_bound(tmp_path: Any, small_day: list[str]) -> None:
    lines = command(tmp_path, *small_day, "--semantics", "physical").splitlines()
    assert lines[0].split()[:4] == ["day", "policy", "energy_kwh", "bound_kwh"]
    assert [line.split()[1] for line in lines[1:6]] == ["npa", "dvfs", "lr-mmt", "thr-mmt", "ours"]
    assert all(line.startswith("median of 1:") for line in lines[6:])


def test_each_day_of_a_longer_trace_has_its_row_and_all_have_medians(tmp_path: Any, small_day: list[str]) -> None:
    lines = "".join(f"{3600 * hour},{20 + hour % 24}\n" for hour in range(60))  # two days and a half
    (tmp_path / "vm.csv").write_text("t_s,cpu_pct\n" + lines)
    told = command(tmp_path, *small_day, "--policy", "ours", "--policy", "npa", "--each-day").splitlines()
    assert [line.split()[:2] for line in told[1:5]] == [[f"vm-day{n}", who] for n in (0, 1) for who in ("ours", "npa")]
    assert [line.split(":")[0] for line in told[5:]] == ["median of 2"] * 2


def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path: Any, small_day: list[str]) -> None:
    with pytest.raises(CommandError, match=r"none\.npz: no such file"):
        command(tmp_path, str(tmp_path / "none.npz"), *small_day[1:])
    with pytest.raises(CommandError, match="vm has no day 7"):
        command(tmp_path, *small_day, "--day", "7")
