"""The lease of a fleet: beats make way for whoever waits to take a lab away or to copy it."""

from __future__ import annotations

import pytest

from domain import faults
from inventory import fleet, pump, teardown
from inventory.models import VCenter
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=1, vms=1)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def test_who_waits_comes_before_the_next_beat(lab, monkeypatch):
    store = fleet.store_of(lab.vcenter)
    beating = store.acquire()
    assert store.acquire(waits=True) is None
    store.release(beating)
    assert store.acquire() is None, "a beat that came in between has to leave it to who waits"
    monkeypatch.setattr(pump, "WATCHERS", [lambda _vcenter: True])
    assert not pump.pump(lab.vcenter.pk)
    waited = store.acquire(waits=True)
    assert waited is not None
    store.release(waited)
    assert pump.pump(lab.vcenter.pk)


def test_a_fleet_is_held_although_its_lab_was_rewound_meanwhile(lab, monkeypatch):
    monkeypatch.setattr(fleet, "ASKS_AGAIN_S", 0.0)
    read_before = VCenter.objects.get(pk=lab.vcenter.pk)
    VCenter.objects.filter(pk=lab.vcenter.pk).update(timeline=lab.vcenter.timeline + 1)
    with fleet.held(read_before, patience_s=0.0):
        assert read_before.timeline == lab.vcenter.timeline + 1


def test_a_lab_is_taken_away_once(lab):
    again = VCenter.objects.get(pk=lab.vcenter.pk)
    teardown.delete(None, lab.vcenter)
    with pytest.raises(faults.ManagedObjectNotFound):
        teardown.delete(None, again)
