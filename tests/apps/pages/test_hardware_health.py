"""Monitor > Hardware Health: what the page says of a host that runs, sleeps, lost a cable, or does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from domain.states import HostConnection, HostPower, StandbyMode, Status
from inventory.models import DatastoreMount, Host, VirtualMachine
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    Host.objects.update(nic_mbps=[10_000, 10_000])
    made.people = cast.make_cast(made.vcenter)
    return made


def sensors_of(client: Any, lab: Any, host: Any, who: Any = None) -> dict[str, Any]:
    client.force_login(who or lab.people.reader)
    answer = client.get(f"/vc/{lab.vcenter.uuid}/{host.moref}/monitor/hardware-health/")
    assert answer.status_code == 200
    return answer.context


def by_name(context: Any) -> dict[str, Any]:
    return {one.name: one for one in context["sensors"]}


def test_sensors_follow_the_load_of_the_host_in_the_fleet(lab, client):
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    VirtualMachine.objects.filter(host=lab.hosts[0]).update(vcpus=16, archetype="batch")
    pumping.advance(lab.vcenter, 120)
    busy, idle = (by_name(sensors_of(client, lab, host)) for host in (lab.hosts[0], lab.hosts[1]))

    def number(sensor: Any) -> float:
        return float(sensor.reading.split()[0].replace(",", ""))

    for name in ("Processor 1", "Whole system"):
        assert number(busy[name]) >= number(idle[name]) > 0
    assert {one.status for one in busy.values()} == {Status.GREEN}


def test_without_figures_only_cables_and_paths_are_known(lab, client):
    found = by_name(sensors_of(client, lab, lab.hosts[0]))
    assert set(found) == {"vmnic0", "vmnic1", "shared", "local"}


def test_a_cable_that_is_out_and_a_path_that_is_lost_stand_out(lab, client):
    host = lab.hosts[0]
    Host.objects.filter(pk=host.pk).update(nics_down=[1])
    DatastoreMount.objects.filter(host=host, datastore=lab.datastore).update(accessible=False)
    context = sensors_of(client, lab, host)
    found = by_name(context)
    assert (found["vmnic1"].status, found["shared"].status, context["bad"]) == (Status.YELLOW, Status.RED, 2)
    Host.objects.filter(pk=host.pk).update(nics_down=[0, 1])
    assert by_name(sensors_of(client, lab, host))["vmnic0"].status == Status.RED


def test_a_host_that_does_not_answer_says_nothing_and_one_in_standby_is_read_by_its_bmc(lab, client):
    host = lab.hosts[0]
    Host.objects.filter(pk=host.pk).update(connection_state=HostConnection.NOT_RESPONDING)
    context = sensors_of(client, lab, host)
    assert (context["sensors"], context["answers"]) == ([], False)
    Host.objects.filter(pk=host.pk).update(power_state=HostPower.STANDBY, standby_mode=StandbyMode.IN)
    context = sensors_of(client, lab, host)
    assert (context["answers"], context["sleeps"]) == (True, True)


def test_only_what_somebody_sees_is_named(lab, client):
    user = cast.make_user("of-one-host")
    cast.grant(user, lab.hosts[0], "Read-only")
    assert set(by_name(sensors_of(client, lab, lab.hosts[0], user))) == {"vmnic0", "vmnic1"}
