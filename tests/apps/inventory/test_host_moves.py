"""A standalone host joins a cluster: what runs goes on running, and the fleet and the inventory agree afterwards."""

from __future__ import annotations

import pytest
from django.test import Client

from domain import faults
from domain.states import HostConnection, TaskState, VmPower
from inventory.management.commands.verify_fleet import Command as VerifyFleet
from inventory.models import Cluster, Host, ResourcePool, Task, VCenter, VirtualMachine
from inventory.services import host_moves, vms
from scheduler.models import DrsGroup
from tests import builders, cast, dialogs, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=2)
    made.people = cast.make_cast(made.vcenter)
    made.running = builders.make_vm(made.standalone, "runs-alone", power_state=VmPower.ON)
    made.own_pool = builders.make_pool(made.standalone.cluster, "Own")
    made.inside = builders.make_vm(made.standalone, "in-own", pool=made.own_pool)
    return made


def test_it_brings_its_machines_and_pools_and_they_go_on_running(lab):
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    alone = lab.standalone.cluster
    task = host_moves.move_into(lab.people.student, lab.standalone, lab.cluster)
    assert (task.state, task.description_id) == (TaskState.SUCCESS, "ClusterComputeResource.moveInto")
    pumping.advance(lab.vcenter, 40)
    host = Host.objects.get(pk=lab.standalone.pk)
    assert host.cluster == lab.cluster
    root = builders.root_pool(lab.cluster)
    running = VirtualMachine.objects.get(pk=lab.running.pk)
    assert (running.pool, running.host, running.power_state) == (root, host, VmPower.ON)
    own = ResourcePool.objects.get(pk=lab.own_pool.pk)
    assert (own.cluster, own.parent) == (lab.cluster, root)
    assert VirtualMachine.objects.get(pk=lab.inside.pk).pool == own
    assert not Cluster.objects.filter(pk=alone.pk).exists()
    assert VerifyFleet()._differences(VCenter.objects.get(pk=lab.vcenter.pk)) == []


def refused(lab, host=None):
    with pytest.raises(faults.MethodFault) as refusal:
        host_moves.move_into(lab.people.student, host or lab.standalone, lab.cluster)
    assert Host.objects.get(pk=lab.standalone.pk).cluster.standalone
    return refusal.value.name


def test_what_keeps_it_out(lab):
    assert refused(lab, lab.hosts[0]) == "InvalidState"
    other = builders.make_datacenter(lab.vcenter, "Other")
    far = builders.make_standalone_host(other)
    assert refused(lab, far) == "InvalidState"
    clash = builders.make_pool(lab.cluster, "Own")
    assert refused(lab) == "DuplicateName"
    clash.delete()
    vms.power_on(None, lab.inside)
    assert refused(lab) == "TaskInProgress"
    Task.objects.all().delete()
    Cluster.objects.filter(pk=lab.cluster.pk).update(evc_mode="intel-icelake")
    lab.cluster.refresh_from_db()
    assert refused(lab) == "EVCAdmissionFailed"
    lab.standalone.connection_state = HostConnection.DISCONNECTED
    assert refused(lab) == "InvalidState"


@pytest.mark.parametrize("who", ["reader", "outsider", "operator"])
def test_it_takes_the_rights_on_both(lab, who):
    with pytest.raises(faults.NoPermission):
        host_moves.move_into(getattr(lab.people, who), lab.standalone, lab.cluster)


def test_the_wizard_offers_hosts_that_stand_beside_the_cluster(lab, client: Client):
    client.force_login(lab.people.student)
    off = builders.make_standalone_host(lab.datacenter, "off.lab")
    Host.objects.filter(pk=off.pk).update(connection_state=HostConnection.DISCONNECTED)
    walk = dialogs.Walk(client, dialogs.address(lab, lab.cluster, "add-host"))
    assert "Existing hosts" in walk.page
    walk.send("refresh", source="existing")
    assert (lab.standalone.name in walk.page, f'value="{lab.hosts[0].moref}"' in walk.page) == (True, False)
    assert "off.lab" in walk.page
    assert walk.send(source="existing").answer.status_code == 422  # nothing is chosen
    assert walk.send(source="existing", existing=off.moref).answer.status_code == 422
    walk.send(source="existing", existing=lab.standalone.moref)
    assert (walk.step, lab.standalone.name in walk.page) == ("ready", True)
    assert walk.send("finish").answer.status_code == 202
    assert Host.objects.get(pk=lab.standalone.pk).cluster == lab.cluster


# --- hosts of other clusters ---------------------------------------------------------------------------------------
@pytest.fixture
def other(lab):
    """A second cluster: one host works, one is in maintenance mode with a machine at rest, one is empty."""
    made = builders.make_cluster(lab.datacenter, "Second", hosts=3, ha_options={})
    lab.working, lab.resting, lab.empty = Host.objects.filter(cluster=made).order_by("id")
    builders.make_vm(lab.working, "works", power_state=VmPower.ON)
    lab.cold = builders.make_vm(lab.resting, "cold", drs_override="manual", ha_vm_monitoring="vmMonitoringOnly")
    Host.objects.filter(pk=lab.resting.pk).update(in_maintenance=True)
    lab.resting.refresh_from_db()
    return made


def test_a_host_in_maintenance_takes_its_machines_along_and_leaves_what_was_the_clusters(lab, other):
    group = DrsGroup.objects.create(cluster=other, name="vms", kind="vm", members=[lab.cold.moref, "vm-1"])
    hosts = DrsGroup.objects.create(cluster=other, name="hosts", kind="host", members=[lab.resting.moref])
    Cluster.objects.filter(pk=other.pk).update(ha_options={"failover_hosts": [lab.resting.moref, lab.empty.moref]})
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    host_moves.move_into(lab.people.student, Host.objects.get(pk=lab.resting.pk), lab.cluster)
    pumping.advance(lab.vcenter, 40)
    cold, host = VirtualMachine.objects.get(pk=lab.cold.pk), Host.objects.get(pk=lab.resting.pk)
    assert (host.cluster, host.in_maintenance, cold.host, cold.pool) == (
        lab.cluster, True, host, builders.root_pool(lab.cluster)
    )  # fmt: skip
    assert (cold.drs_override, cold.ha_vm_monitoring) == ("", "")
    group.refresh_from_db()
    hosts.refresh_from_db()
    other.refresh_from_db()
    assert (group.members, hosts.members) == (["vm-1"], [])
    assert other.ha_options["failover_hosts"] == [lab.empty.moref]
    assert Cluster.objects.filter(pk=other.pk).exists()
    assert VerifyFleet()._differences(VCenter.objects.get(pk=lab.vcenter.pk)) == []


def test_an_empty_host_goes_and_one_that_works_stays(lab, other):
    host_moves.move_into(lab.people.student, lab.empty, lab.cluster)
    assert Host.objects.get(pk=lab.empty.pk).cluster == lab.cluster
    assert refused(lab, lab.working) == "InvalidState"
    VirtualMachine.objects.filter(host=lab.working).update(power_state=VmPower.OFF)
    assert refused(lab, lab.working) == "InvalidState"  # not empty, and not in maintenance mode
    Host.objects.filter(pk=lab.resting.pk).update(connection_state=HostConnection.DISCONNECTED)
    assert refused(lab, Host.objects.get(pk=lab.resting.pk)) == "InvalidState"


def test_the_wizard_offers_hosts_of_other_clusters_with_the_reason_where_one_cannot_go(lab, other, client: Client):
    client.force_login(lab.people.student)
    walk = dialogs.Walk(client, dialogs.address(lab, lab.cluster, "add-host")).send("refresh", source="existing")
    assert "Put it into maintenance mode, or migrate its machines away." in walk.page
    assert "Second" in walk.page
    assert walk.send(source="existing", existing=lab.working.moref).answer.status_code == 422
    walk.send(source="existing", existing=lab.resting.moref)
    assert walk.send("finish").answer.status_code == 202
    assert Host.objects.get(pk=lab.resting.pk).cluster == lab.cluster
