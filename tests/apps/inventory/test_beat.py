"""Many labs beat: messages are dealt out, one that fails holds up nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import metrics, pump, tasks
from inventory.alarming import memory
from inventory.models import VCenter
from inventory.tasks import MOST_TOGETHER, PARALLEL, dealt, pump_some
from tests.builders import make_vcenter, small_lab
from tests.pumping import advance, hold_clock, meet


@given(st.lists(st.integers(1, 10**6), unique=True, max_size=200))
def test_every_lab_is_dealt_once_to_few_messages(ids: list[int]) -> None:
    hands = dealt(ids)
    assert sorted(i for hand in hands for i in hand) == sorted(ids)
    assert all(0 < len(hand) <= MOST_TOGETHER for hand in hands)
    assert len(hands) == min(len(ids), max(PARALLEL, -(-len(ids) // MOST_TOGETHER)))


@pytest.mark.django_db
def test_a_lab_that_fails_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    beaten: list[int] = []

    def beat(pk: int) -> bool:
        beaten.append(pk)
        if pk == 2:
            raise RuntimeError("broken")
        return pk != 3  # somebody else has its lease

    monkeypatch.setattr(tasks.heart, "pump", beat)
    assert pump_some([1, 2, 3, 4], 0) == 2
    assert beaten == [1, 2, 3, 4]


@pytest.mark.django_db
def test_a_tick_sends_nothing_to_a_hand_whose_message_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    labs = [make_vcenter(active=True) for _ in range(10)]
    memory.redis.patient().delete(*(tasks.WAITING.format(hand) for hand in range(20)))
    sent: list[tuple[list[int], int]] = []
    beaten: list[int] = []
    monkeypatch.setattr(pump_some, "apply_async", lambda args, **_options: sent.append(args))
    monkeypatch.setattr(tasks.heart, "pump", lambda pk: not beaten.append(pk))
    assert tasks.pump_all() == PARALLEL
    assert tasks.pump_all() == 0
    late = sent[2]
    pump_some(*late)
    assert tasks.pump_all() == 1
    assert sent[-1] == late
    for some, hand in sent[:PARALLEL]:
        pump_some(some, hand)
    assert set(beaten) == {lab.pk for lab in labs}
    assert tasks.pump_all() == PARALLEL
    memory.redis.patient().delete(*(tasks.WAITING.format(hand) for hand in range(20)))


@pytest.mark.django_db
def test_hands_beat_spread_over_the_second_each_at_its_own_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    labs = [make_vcenter(active=True) for _ in range(40)]
    sent: dict[int, tuple[list[int], float]] = {}

    def note(args: tuple[list[int], int], countdown: float, expires: int) -> None:
        sent[args[1]] = (args[0], countdown)

    monkeypatch.setattr(pump_some, "apply_async", note)
    ticks = []
    for _ in range(2):
        memory.redis.patient().delete(*(tasks.WAITING.format(hand) for hand in range(20)))
        sent.clear()
        assert tasks.pump_all() == 5
        ticks.append(dict(sent))
    assert ticks[0] == ticks[1]  # or a lab would beat too early once and too late the next time
    assert [when for _some, when in ticks[0].values()] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])
    assert sorted(pk for some, _when in ticks[0].values() for pk in some) == sorted(lab.pk for lab in labs)
    memory.redis.patient().delete(*(tasks.WAITING.format(hand) for hand in range(20)))


@pytest.mark.django_db
def test_listeners_see_the_sample_of_their_own_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = small_lab()
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    seen: list[tuple[float | None, float]] = []

    def listen(beat: pump.Beat) -> None:
        latest = metrics.latest(beat.vcenter)
        assert latest is not None
        seen.append((metrics.newest_s(beat.vcenter), latest.time_s))

    monkeypatch.setattr(pump, "LISTENERS", [listen])
    advance(lab.vcenter, 60.0)
    assert [time_s for _newest, time_s in seen] == sorted({time_s for _newest, time_s in seen})
    assert all(newest == time_s for newest, time_s in seen)
    outside = metrics.latest(lab.vcenter)
    assert outside is not None
    assert outside.time_s == seen[-1][1] == metrics.newest_s(lab.vcenter)


@pytest.mark.django_db
def test_what_alarms_remember_is_kept_only_by_who_still_has_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    vcenter = make_vcenter()
    with memory.turn(vcenter) as mine:
        assert mine is not None
        mine.cursor, mine.last_s = 7, 20.0
        with memory.turn(vcenter) as other:
            assert other is None
    with memory.turn(vcenter) as again:
        assert again is not None
        assert (again.cursor, again.last_s) == (7, 20.0)
        again.cursor = 8
        memory.redis.patient().delete(f"alarms:{vcenter.uuid}:turn")  # it ran out meanwhile
    with pytest.raises(RuntimeError):
        _fail_in_a_turn(vcenter)
    with memory.turn(vcenter) as last:
        assert last is not None
        assert last.cursor == 7


def _fail_in_a_turn(vcenter: VCenter) -> None:
    with memory.turn(vcenter) as failing:
        assert failing is not None
        assert failing.cursor == 7
        failing.cursor = 9
        raise RuntimeError
