"""vSphere HA of a cluster: heartbeat datastores, configuration issues, datastores that are lost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from domain.states import HostConnection, HostPower, VmPower
from hypervisors.port import Injection
from inventory.models import DatastoreMount, Host, Permission, VirtualMachine
from scheduler.selectors import ha_health
from tests import builders, pumping
from tests.apps.scheduler.motion_rig import Stage, running_stage
from tests.cast import grant

pytestmark = pytest.mark.django_db(transaction=True)
SECTIONS = ("heartbeat", "ha-issues", "apd")


@pytest.fixture
def stage():
    """Three hosts that share two datastores, HA on."""
    stage = running_stage(ha_enabled=True, ha_options={"admission": "disabled"})
    hosts = list(Host.objects.filter(cluster=stage.lab.cluster))
    builders.make_datastore(stage.lab.datacenter, "second", hosts=hosts)
    return stage


def page(stage: Stage, slug: str, who: str = "reader") -> str:
    answer = stage.client(who).get(stage.section(stage.lab.cluster.moref, slug))
    assert answer.status_code == 200
    return answer.content.decode()


def codes(stage: Stage) -> set[tuple[str, str]]:
    found = ha_health.issues(stage.cast.reader, stage.lab.cluster)
    return {(one.code, one.host.name if one.host else "") for one in found}


# --- heartbeat datastores --------------------------------------------------------------------------------------------
def test_every_host_beats_on_the_datastores_that_it_shares(stage):
    found = ha_health.heartbeats(stage.cast.reader, stage.lab.cluster)
    assert {one.count for one in found.hosts} == {2}
    assert {(one.store.name, one.mounted, one.used) for one in found.stores} == {
        (stage.lab.datastore.name, 3, 3), ("second", 3, 3),
    }  # fmt: skip
    assert "Too few" not in page(stage, "heartbeat")


def test_a_host_that_shares_one_only_has_too_few(stage):
    lonely = stage.host(1)
    DatastoreMount.objects.filter(host=lonely, datastore__name="second").delete()
    found = {one.host.pk: one for one in ha_health.heartbeats(stage.cast.reader, stage.lab.cluster).hosts}
    assert [found[stage.host(i).pk].enough for i in range(3)] == [True, False, True]
    assert page(stage, "heartbeat").count("Too few") == 1
    assert codes(stage) == {("few-heartbeats", lonely.name)}
    DatastoreMount.objects.filter(host=lonely).delete()
    assert codes(stage) == {("no-heartbeat", lonely.name)}


def test_a_datastore_that_is_lost_serves_nobody(stage):
    stage.break_(stage.lab.datastore, Injection.DATASTORE_LOST, duration_s=0)
    pumping.advance(stage.vc, 5, 1.0)
    found = ha_health.heartbeats(stage.cast.reader, stage.lab.cluster)
    assert [one.store.name for one in found.stores] == ["second"]
    assert not any(one.enough for one in found.hosts)


# --- configuration issues --------------------------------------------------------------------------------------------
def test_a_sound_cluster_has_none_and_the_page_teaches(stage):
    assert codes(stage) == set()
    assert "No configuration issues" in page(stage, "ha-issues")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"connection_state": HostConnection.DISCONNECTED}, "disconnected"),
        ({"connection_state": HostConnection.NOT_RESPONDING}, "unreachable"),
        ({"connection_state": HostConnection.NOT_RESPONDING, "ha_state": "hostDown"}, "hostDown"),
        ({"connection_state": HostConnection.NOT_RESPONDING, "ha_state": "networkIsolated"}, "networkIsolated"),
        ({"host_kind": "hosted"}, "hosted"),
        ({"nics_down": [0]}, "nic-down"),
        ({"nics_down": [0, 1]}, "all-nics-down"),
        ({"nic_mbps": [10_000]}, "no-redundancy"),
    ],
)
def test_each_trouble_of_a_host_has_its_sentence_and_a_remedy(stage, fields, code):
    Host.objects.filter(pk=stage.host(0).pk).update(**fields)
    assert (code, stage.host(0).name) in codes(stage)
    drawn = page(stage, "ha-issues")
    assert f'data-code="{code}"' in drawn
    assert "%(" not in drawn.split('id="ha-issues"')[1].split("</table>")[0]


def test_a_link_that_vmotion_uses_says_both(stage):
    Host.objects.filter(pk=stage.host(0).pk).update(nics_down=[1])
    name = stage.host(0).name
    assert codes(stage) == {("nic-down", name), ("vmotion-down", name)}


def test_a_host_at_rest_has_nothing_that_could_be_lost(stage):
    Host.objects.filter(pk=stage.host(0).pk).update(in_maintenance=True, nics_down=[0])
    Host.objects.filter(pk=stage.host(1).pk).update(power_state=HostPower.OFF, nics_down=[0])
    assert codes(stage) == {("few-hosts", "")}
    assert "and 1 is there" in page(stage, "ha-issues")


def test_fail_over_capacity_and_its_dedicated_hosts_belong_to_the_cluster(stage):
    cluster = stage.lab.cluster
    cluster.ha_options = {"admission": "percentage", "cpu_ratio": 1.0, "mem_ratio": 1.0}
    cluster.save()
    assert codes(stage) == {("admission", "")}
    cluster.ha_options = {"admission": "disabled", "failover_hosts": [stage.host(2).moref]}
    cluster.save()
    Host.objects.filter(pk=stage.host(2).pk).update(connection_state=HostConnection.DISCONNECTED)
    assert ("spare-host", "") in codes(stage)
    assert stage.host(2).name in page(stage, "ha-issues")


# --- datastores under APD or PDL -------------------------------------------------------------------------------------
def test_a_lost_datastore_is_listed_with_its_hosts_and_machines_until_it_is_back(stage):
    assert "Every datastore is reached" in page(stage, "apd")
    stage.break_(stage.lab.datastore, Injection.DATASTORE_LOST, duration_s=0)
    pumping.advance(stage.vc, 5, 1.0)
    (lost,) = ha_health.lost_stores(stage.cast.reader, stage.lab.cluster)
    on_it = VirtualMachine.objects.filter(host__cluster=stage.lab.cluster, disks__datastore=stage.lab.datastore)
    assert (lost.store.pk, lost.everywhere, len(lost.hosts)) == (stage.lab.datastore.pk, True, 3)
    assert {vm.pk for vm in lost.machines} == set(on_it.values_list("pk", flat=True))
    assert lost.since_s == pytest.approx(stage.vc.lab_seconds(), abs=10)
    assert "All Paths Down (APD)" in page(stage, "apd")
    stage.break_(stage.lab.datastore, Injection.DATASTORE_OK)
    pumping.advance(stage.vc, 5, 1.0)
    assert ha_health.lost_stores(stage.cast.reader, stage.lab.cluster) == []


def test_one_host_that_has_lost_it_takes_only_its_own_machines(stage):
    host = stage.host(0)
    DatastoreMount.objects.filter(host=host, datastore=stage.lab.datastore).update(accessible=False)
    (lost,) = ha_health.lost_stores(stage.cast.reader, stage.lab.cluster)
    assert (lost.everywhere, [one.pk for one in lost.hosts], lost.mounted) == (False, [host.pk], 3)
    assert {vm.host_id for vm in lost.machines} == {host.pk}


# --- who sees what ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("slug", SECTIONS)
def test_strangers_find_nothing_and_the_owner_sees_it(stage, slug):
    assert stage.client("outsider").get(stage.section(stage.lab.cluster.moref, slug)).status_code == 404
    page(stage, slug, "student")


def test_lists_name_only_what_the_person_may_see(stage):
    """Somebody with the cluster alone: not one of its hosts, nor the datastores."""
    secret, store, vm = stage.host(0), stage.lab.datastore, stage.vm(0)
    Permission.objects.filter(user=stage.cast.reader).delete()
    grant(stage.cast.reader, stage.lab.cluster, "Read-only")
    for hidden in (secret, vm):
        grant(stage.cast.reader, hidden, "No access")
    Host.objects.filter(pk=secret.pk).update(nics_down=[0])
    DatastoreMount.objects.filter(datastore=store).update(accessible=False)
    for slug in SECTIONS:
        drawn = page(stage, slug)
        assert f">{secret.name}<" not in drawn
        assert f">{store.name}<" not in drawn
        assert f">{vm.name}<" not in drawn


@pytest.mark.parametrize("slug", SECTIONS)
def test_more_hosts_and_machines_cost_no_more_queries(stage, slug):
    DatastoreMount.objects.filter(datastore=stage.lab.datastore).update(accessible=False)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(stage, slug)
        return len(queries)

    asked()
    before = asked()
    for _ in range(3):
        host = builders.make_host(stage.lab.cluster)
        for store in (stage.lab.datastore,):
            DatastoreMount.objects.create(host=host, datastore=store, accessible=False)
        builders.make_vm(host, datastore=stage.lab.datastore, power_state=VmPower.ON)
    assert asked() <= before
