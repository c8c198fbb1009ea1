"""A standalone host joins a cluster: what runs goes on running, and the fleet and the inventory agree afterwards."""

from __future__ import annotations

import pytest
from django.test import Client

from domain import faults
from domain.states import HostConnection, TaskState, VmPower
from inventory.management.commands.verify_fleet import Command as VerifyFleet
from inventory.models import Cluster, Host, ResourcePool, Task, VCenter, VirtualMachine
from inventory.services import host_moves, vms
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
    assert (lab.standalone.name in walk.page, lab.hosts[0].name in walk.page) == (True, False)
    assert "off.lab" in walk.page
    assert walk.send(source="existing").answer.status_code == 422  # nothing is chosen
    assert walk.send(source="existing", existing=off.moref).answer.status_code == 422
    walk.send(source="existing", existing=lab.standalone.moref)
    assert (walk.step, lab.standalone.name in walk.page) == ("ready", True)
    assert walk.send("finish").answer.status_code == 202
    assert Host.objects.get(pk=lab.standalone.pk).cluster == lab.cluster
