"""How often things fail by themselves: from the dialog to the fleet."""

from __future__ import annotations

import pytest
from django.test import Client

from domain import faults
from hypervisors.simulated.state import FleetState
from inventory import fleet
from inventory.models import Event, VCenter
from scheduler.services import failure_rates
from tests import builders, pumping
from tests.cast import make_cast
from tests.dialogs import address, opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=2)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def rates_of_the_fleet(lab):
    blob = fleet.store_of(lab.vcenter).load()
    assert blob is not None
    return FleetState.from_bytes(blob).rates


def test_the_dialog_sets_what_the_fleet_draws_by_and_a_rebuilt_one_keeps_it(lab):
    owner = Client()
    owner.force_login(make_cast(lab.vcenter).student)
    url = address(lab, lab.vcenter, "failure-rates")
    typed = opened(owner, url)
    assert float(typed["host_crash"]) == 0
    assert owner.post(url, typed | {"host_crash": "876", "vmotion_failure": "50"}).status_code == 202
    pumping.beat(lab.vcenter)
    assert rates_of_the_fleet(lab).host_crash == pytest.approx(0.1)
    assert rates_of_the_fleet(lab).vmotion_failure == pytest.approx(0.5)
    assert "host_crash 876" in Event.objects.get(type="FaultRatesChangedEvent").fields["reason"]
    assert float(opened(owner, url)["host_crash"]) == 876
    pumping.meet(lab.vcenter)
    assert rates_of_the_fleet(lab).host_crash == pytest.approx(0.1)


def test_hosts_fail_by_chance_then(lab):
    failure_rates.set_rates(None, lab.vcenter, {"host_crash": failure_rates.YEAR_H})
    pumping.advance(lab.vcenter, 6 * 3600, 600)
    assert Event.objects.filter(vcenter=lab.vcenter, type__icontains="HostConnectionLost").exists()


@pytest.mark.parametrize(
    "wanted", [{"host_crash": -1.0}, {"host_crash": float("nan")}, {"vmotion_failure": 101.0}, {"x": 1.0}]
)
def test_a_rate_that_cannot_be_is_refused(lab, wanted):
    with pytest.raises(faults.InvalidArgument):
        failure_rates.set_rates(None, lab.vcenter, wanted)
    assert VCenter.objects.get(pk=lab.vcenter.pk).fault_rates == {}


def test_a_reader_sees_no_way_to_break_things(lab):
    reader = Client()
    reader.force_login(make_cast(lab.vcenter).reader)
    assert reader.get(address(lab, lab.vcenter, "failure-rates")).status_code in (403, 404)
