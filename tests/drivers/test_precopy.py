"""The pre-copy model against its four worked examples, alone and inside a fleet."""

from dataclasses import replace

import pytest

from hypervisors.port import JobState, Op
from hypervisors.simulated.bandwidth import fair_rates
from hypervisors.simulated.moves import Precopy, dirtied_mib, predict, predict_bitmap
from hypervisors.simulated.tuning import MoveModel, Tuning
from tests.drivers.rig import Rig, host_id, lab, vm_id

BOUND = MoveModel(exponential=False)
MB_PER_S = 1125.0  # 10 Gb/s, efficiency 0.9


@pytest.mark.parametrize(
    ("memory", "dirty", "wws", "total_s", "downtime_s", "sent_gb", "rounds", "sigma"),
    [
        (4096, 20, 200, 3.91, 0.265, 4.17, 1, 1.0),
        (16384, 100, 2000, 16.17, 0.315, 17.97, 2, 1.0),
        (65536, 600, 20000, 96.1, 0.609, 107.9, 7, 1.0),
        (16384, 2000, 16000, 42.8, 0.644, 47.9, 6, 0.28),
    ],
)
def test_the_worked_examples(
    memory: float,
    dirty: float,
    wws: float,
    total_s: float,
    downtime_s: float,
    sent_gb: float,
    rounds: int,
    sigma: float,
) -> None:
    found = predict(Precopy(memory, dirty, wws), MB_PER_S, BOUND)
    assert found.total_s == pytest.approx(total_s, abs=0.05)
    assert found.downtime_s == pytest.approx(downtime_s, abs=0.0005)
    assert found.sent_mib / 1000 == pytest.approx(sent_gb, abs=0.05)
    assert (found.rounds, round(found.sigma, 2)) == (rounds, sigma)


def test_a_fleet_copies_as_the_model_says() -> None:
    rig = Rig(lab(), Tuning(move=BOUND))
    rig.run(600)
    op = rig.do(Op.MIGRATE, vm_id(1), host=host_id(0))
    shown = rig.run_until_phase(op, "pre-copy", step_s=0.01)
    state = rig.state
    move = state.moves[op]
    forecast = predict(move.precopy, move.rate_mibps, BOUND)
    assert move.rate_mibps == MB_PER_S
    assert shown.detail["predicted_downtime_s"] == pytest.approx(forecast.downtime_s, abs=1e-3)
    done = rig.run_until(op)
    assert done.state == JobState.DONE
    assert done.detail["downtime_s"] == pytest.approx(forecast.downtime_s, rel=0.25)
    assert len(done.detail["rounds"]) == forecast.rounds
    assert sum(t for t, _ in done.detail["rounds"]) == pytest.approx(forecast.total_s - forecast.downtime_s, rel=0.05)


def test_the_bitmap_variant_stops_for_less_time_and_sends_the_rest_afterwards() -> None:
    copy = Precopy(16384, 400, 12000)
    usual, bitmap = predict(copy, MB_PER_S, BOUND), predict_bitmap(copy, 16384, MB_PER_S, BOUND)
    assert bitmap.downtime_s < usual.downtime_s
    assert bitmap.downtime_s == pytest.approx(BOUND.fix_s + 0.5 / MB_PER_S)  # 512 KiB of bitmap
    assert bitmap.sent_mib == pytest.approx(16384 + 400 * 16384 / MB_PER_S)


def test_the_exponential_stays_below_its_bound_and_meets_it_at_both_ends() -> None:
    for elapsed in (0.001, 1.0, 10.0, 1e6):
        smooth, bound = (dirtied_mib(elapsed, 100.0, 500.0, kind) for kind in (True, False))
        assert 0 < smooth <= bound
    assert dirtied_mib(1e6, 100.0, 500.0, True) == pytest.approx(500.0)
    assert dirtied_mib(1e-3, 100.0, 500.0, True) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("flows", "capacity", "rates"),
    [
        ([["a"], ["a"]], {"a": 10.0}, [5.0, 5.0]),
        ([["a", "b"], ["a"], ["b"]], {"a": 10.0, "b": 4.0}, [2.0, 8.0, 2.0]),
        ([["a", "own"], ["a"]], {"a": 10.0, "own": 1.0}, [1.0, 9.0]),
        ([["a", "b"], ["b"]], {"a": 0.0, "b": 6.0}, [0.0, 6.0]),
        ([], {}, []),
    ],
)
def test_rates_are_max_min_fair(flows: list[list[str]], capacity: dict[str, float], rates: list[float]) -> None:
    assert fair_rates(flows, capacity) == pytest.approx(rates)


def test_a_guest_that_dirties_faster_than_the_link_is_slowed_and_still_arrives() -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 16384}))
    rig.run(1200)
    rig.inject("memory_hog", vm_id(1))
    rig.run(60)
    op = rig.do(Op.MIGRATE, vm_id(1), host=host_id(0))
    done = rig.run_until(op)
    assert done.state == JobState.DONE
    assert done.detail["sigma"] < 1.0
    assert done.detail["downtime_s"] < 1.0
    assert replace(BOUND).switch_s == 0.5


def test_copies_that_share_a_nic_share_its_bandwidth() -> None:
    rig = Rig(lab(hosts=4, vms=12, off=0, vm=lambda n: {"memory_mib": 16384}))
    rig.run(3600)
    ops = [rig.do(Op.MIGRATE, vm_id(n), host=host_id(3)) for n in (0, 1, 2)]
    for op in ops:
        rig.run_until_phase(op, "pre-copy")
    rates = [rig.jobs[op].detail["bandwidth_mibps"] for op in ops]
    assert sum(rates) == pytest.approx(MB_PER_S, abs=0.5)
    assert max(rates) == pytest.approx(min(rates), abs=0.2)
    for op in ops:
        assert rig.run_until(op).state == JobState.DONE
