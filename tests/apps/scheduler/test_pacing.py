"""How often DRS looks: fast clocks, many labs and large ones share the workers; nobody is asked twice for one cycle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.models import Cluster, VCenter
from scheduler import heartbeat, pacing
from scheduler.models import ClusterSchedule
from scheduler.services.cycles import INTERVAL_S
from tests.builders import make_cluster, make_datacenter, make_host, make_vcenter, small_lab
from tests.pumping import advance, hold_clock, meet


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lab(speed: float = 60.0, hosts: int = 1, **options) -> VCenter:
    vcenter = make_vcenter(clock_speed=speed, **{"active": True, **options})
    cluster = make_cluster(make_datacenter(vcenter), drs_enabled=True)
    for _ in range(hosts):
        make_host(cluster)
    return vcenter


@pytest.mark.django_db
def test_fast_clocks_of_many_labs_stretch_the_interval_of_cycles():
    clock = Clock()
    alone, pace = lab(), pacing.Pace(clock)
    assert pace.interval_s(alone) == INTERVAL_S
    for _ in range(39):
        lab()
    paused, off = lab(speed=0.0), lab(active=False)
    Cluster.objects.filter(vcenter=lab()).update(drs_enabled=False)
    assert pace.interval_s(alone) == INTERVAL_S  # as it was counted a moment ago
    clock.now += pacing.KNOWN_S
    assert pace.interval_s(alone) == pytest.approx(60.0 * 40 * pacing.SHARE_S)
    assert pace.interval_s(paused) == INTERVAL_S
    VCenter.objects.exclude(pk__in=[alone.pk, paused.pk, off.pk]).update(active=False)
    clock.now += pacing.KNOWN_S
    assert pace.interval_s(alone) == INTERVAL_S


@pytest.mark.django_db
def test_large_clusters_take_the_share_of_their_hosts():
    vcenter = lab(speed=600.0, hosts=12)
    assert pacing.Pace().interval_s(vcenter) == pytest.approx(600.0 * 1.5 * pacing.SHARE_S)


def test_a_datacenter_of_80_clusters_is_looked_at_every_minute_at_its_own_speed_and_less_often_at_ten_times_that():
    whole = pacing.round_s([32] * 79)
    assert 1.0 * whole < INTERVAL_S
    assert 10.0 * whole == pytest.approx(316.0)


@given(st.lists(st.tuples(st.floats(0.0, 15.0), st.sampled_from(["beat", "run"])), max_size=40))
def test_one_message_per_cycle_and_ten_seconds(deeds):
    clock, last_s, asked_at = Clock(), None, None
    asked = pacing.Asked(clock)
    for wait_s, deed in deeds:
        clock.now += wait_s
        if deed == "run":
            last_s, asked_at = clock.now, None
            continue
        expected = asked_at is None or clock.now - asked_at >= pacing.ASKED_S
        assert asked.anew(1, last_s) == expected
        asked_at = clock.now if expected else asked_at


@pytest.mark.django_db
def test_a_cluster_that_waits_for_its_cycle_is_asked_for_once(monkeypatch):
    stage = small_lab()
    hold_clock(stage.vcenter)
    Cluster.objects.filter(pk=stage.cluster.pk).update(drs_enabled=True)
    meet(stage.vcenter)
    sent: list[tuple[int, str]] = []
    monkeypatch.setattr(heartbeat, "_asked", pacing.Asked())
    monkeypatch.setattr(heartbeat.tasks, "wake_cycle", lambda pk, trigger: sent.append((pk, trigger)))
    advance(stage.vcenter, 80.0)
    advance(stage.vcenter, 80.0)
    assert sent == [(stage.cluster.pk, "cycle")]
    ClusterSchedule.objects.update_or_create(cluster=stage.cluster, defaults={"last_cycle_lab_s": 20.0})
    advance(stage.vcenter, 80.0)
    assert sent == [(stage.cluster.pk, "cycle")] * 2
