"""The worst alarm below: up every chain, no further than a person may see, in a constant number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.alarming.status import settle
from inventory.models import AlarmDefinition, TriggeredAlarm
from inventory.selectors.worst import worst_below
from tests.builders import SmallLab, make_vms, small_lab
from tests.cast import Cast, admit, grant, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    made = small_lab(cast.student)
    admit(cast, made.vcenter)
    return made


def alarm(lab: SmallLab, obj: Any, status: str) -> None:
    kind = str(obj.kind)
    definition, _made = AlarmDefinition.objects.get_or_create(
        vcenter=lab.vcenter, name=kind, moref=f"alarm-{kind}"[:24], entity="group-d1", target_kind=kind
    )
    TriggeredAlarm.objects.create(
        definition=definition, vcenter=lab.vcenter, entity=obj.moref, entity_kind=kind, entity_name=obj.name,
        status=status, triggered_lab_s=1.0,
    )  # fmt: skip
    settle(lab.vcenter, kind, [obj.moref])


def test_nothing_is_wrong(lab: SmallLab, cast: Cast) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert worst_below(cast.teacher, lab.vcenter, "hosts") == {}
    assert len(queries) <= 2


def test_up_every_chain(lab: SmallLab, cast: Cast) -> None:
    vm = lab.vms[0]
    alarm(lab, vm, "red")
    alarm(lab, lab.host, "yellow")
    alarm(lab, lab.datastore, "yellow")
    hosts = worst_below(cast.teacher, lab.vcenter, "hosts")
    assert hosts[vm.pool.moref] == hosts[lab.cluster.moref] == hosts[lab.datacenter.moref] == hosts["group-d1"] == "red"
    assert lab.host.moref not in hosts  # its own alarm is its own sign
    vms = worst_below(cast.teacher, lab.vcenter, "vms")
    assert vms[vm.folder.moref] == vms["group-d1"] == "red"
    assert lab.cluster.moref not in vms
    storage = worst_below(cast.teacher, lab.vcenter, "storage")
    assert storage[lab.datacenter.moref] == storage["group-d1"] == "yellow"
    assert worst_below(cast.teacher, lab.vcenter, "networking") == {}


def test_a_standalone_host_stands_for_its_pool(lab: SmallLab, cast: Cast) -> None:
    root = lab.standalone.cluster.pools.get(parent__isnull=True)
    vm = make_vms([lab.standalone], 1, pool=root, folder=lab.vm_folder)[0]
    alarm(lab, vm, "yellow")
    assert worst_below(cast.teacher, lab.vcenter, "hosts")[lab.standalone.moref] == "yellow"


def test_what_may_not_be_seen_casts_no_shadow(lab: SmallLab, cast: Cast) -> None:
    grant(cast.outsider, lab.vms[1], "Read-only")
    alarm(lab, lab.vms[0], "red")
    assert worst_below(cast.outsider, lab.vcenter, "vms") == {}
    alarm(lab, lab.vms[1], "yellow")
    assert worst_below(cast.outsider, lab.vcenter, "vms")["group-d1"] == "yellow"


def test_ten_times_the_alarms_cost_no_more(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.reader)
    url = f"/vc/{lab.vcenter.uuid}/tree/alarms/"
    alarm(lab, lab.vms[0], "red")
    with CaptureQueriesContext(connection) as few:
        assert client.get(url, {"view": "hosts"}).json()["group-d1"] == "red"
    for vm in make_vms(lab.hosts, 20, pool=lab.pool, folder=lab.vm_folder):
        alarm(lab, vm, "yellow")
    with CaptureQueriesContext(connection) as many:
        client.get(url, {"view": "hosts"})
    assert len(many) <= len(few) <= 16
    assert client.get(url, {"view": "x"}).status_code == 404


def test_the_short_way_of_those_who_read_everything_leads_to_the_same(lab: SmallLab, cast: Cast) -> None:
    """A second grant makes rights differ from place to place, and every container is loaded; the signs are the same."""
    alarm(lab, lab.hosts[0], "yellow")
    alarm(lab, lab.standalone, "red")
    alarm(lab, lab.vm, "red")
    grant(cast.reader, lab.vms[1], "VM user")
    for view in ("hosts", "vms"):
        signs = worst_below(cast.teacher, lab.vcenter, view)
        assert signs == worst_below(cast.reader, lab.vcenter, view)
        assert signs[lab.vcenter.moref] == "red"
