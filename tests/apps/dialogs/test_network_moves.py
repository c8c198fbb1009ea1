"""Migrate VMs to Another Network: which adapters leave which network for which, and the way back."""

from __future__ import annotations

import pytest

from inventory.models import HostNetwork, Role, Task, VirtualNic
from inventory.services import network_moves, undo, vms
from tests import cast as people
from tests import pumping
from tests.builders import make_network, make_vm
from tests.dialogs import Walk, address

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(lab):
    """A second network, which the hosts of the cluster have and the standalone host has not."""
    network = make_network(lab.datacenter, "Backup")
    HostNetwork.objects.bulk_create(HostNetwork(host=host, network=network) for host in lab.hosts)
    return network


def plugged(lab, network):
    return set(VirtualNic.objects.filter(network=network).values_list("vm__name", flat=True))


def test_all_adapters_move_and_every_machine_can_be_taken_back(lab, owner, cast, other):
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    away = make_vm(lab.standalone, network=lab.network)
    walk = Walk(owner, address(lab, lab.network, "migrate-to-network"))
    assert "Backup" in walk.page
    walk.send(target=other.moref)
    assert walk.step == "adapters"
    assert "Its host does not have the destination network." in walk.page
    page = walk.page
    moving = VirtualNic.objects.filter(network=lab.network).exclude(vm=away).select_related("vm")
    names, boxes = {nic.vm.name for nic in moving}, [f"{nic.vm.moref}:{nic.key}" for nic in moving]
    assert all(f'value="{box}" checked' in page for box in boxes)
    values = {"networks-source": lab.network.moref, "networks-target": other.moref, "adapters-adapters": boxes,
              "at": "ready", "go": "finish", "seen": "networks adapters"}  # fmt: skip
    answer = owner.post(walk.url, values)
    assert answer.status_code == 202, answer.content.decode()
    tasks = list(Task.objects.filter(description_id="VirtualMachine.reconfigure").order_by("pk"))
    assert len(tasks) == len(boxes)
    for task in tasks:
        pumping.succeeded(lab.vcenter, task)
    assert (plugged(lab, other), plugged(lab, lab.network)) == (names, {away.name})
    back = undo.undo(cast.student, Task.objects.get(pk=tasks[0].pk))
    pumping.succeeded(lab.vcenter, back)
    assert VirtualNic.objects.get(vm__moref=tasks[0].entity).network == lab.network


def test_more_adapters_than_one_wizard_takes_are_told_of(lab, owner, other, monkeypatch):
    monkeypatch.setattr("inventory.forms.network_moves.MOST_ADAPTERS", 1)
    walk = Walk(owner, address(lab, lab.network, "migrate-to-network"))
    walk.send(target=other.moref)
    assert walk.page.count('name="adapters-adapters"') == 1
    assert "Start the wizard again for the others." in walk.page


def test_the_source_is_asked_for_and_cannot_be_the_destination(lab, owner, other):
    walk = Walk(owner, address(lab, lab.datacenter, "migrate-to-network"))
    assert walk.send(source=lab.network.moref, target="").answer.status_code == 422
    assert walk.send(source=other.moref, target=other.moref).answer.status_code == 422
    assert "The adapters are there already" in walk.page
    assert walk.send(source="network-999", target=other.moref).answer.status_code == 422
    assert walk.send(source="none", target=other.moref).step == "adapters"


def test_an_adapter_without_a_network_is_plugged_in(lab, cast, other):
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    nic = VirtualNic.objects.create(vm=lab.vms[1], network=None, mac="00:50:56:00:99:01", key=4005)
    (done,) = network_moves.plug(cast.student, [nic], other)
    pumping.succeeded(lab.vcenter, done.task)
    nic.refresh_from_db()
    assert nic.network == other


def test_one_machine_that_refuses_holds_up_no_other(lab, cast, other):
    busy, free = lab.vms[1], lab.vms[2]
    nics = [VirtualNic.objects.create(vm=vm, network=lab.network, mac=f"00:50:56:00:98:0{n}", key=4006)
            for n, vm in enumerate((busy, free))]  # fmt: skip
    vms.power_on(None, busy)
    found = {one.vm.name: one.fault.name if one.fault else "" for one in network_moves.plug(cast.student, nics, other)}
    assert found == {busy.name: "TaskInProgress", free.name: ""}


def test_a_host_without_the_network_is_refused_by_the_service_too(lab, cast, other):
    away = make_vm(lab.standalone, network=lab.network)
    (done,) = network_moves.plug(cast.student, away.nics.select_related("vm__host"), other)
    assert done.fault.name == "CannotAccessNetwork"


def test_reader_stranger_and_whoever_may_not_change_devices(lab, client, cast, other):
    url = address(lab, lab.network, "migrate-to-network")
    for who, status in ((cast.reader, 403), (cast.outsider, 404)):
        client.force_login(who)
        assert client.get(url).status_code == status
    role = Role.objects.create(vcenter=lab.vcenter, name="Wirer",
                               privileges=["System.View", "System.Read", "Network.Assign"])  # fmt: skip
    wirer = people.make_user("wirer")
    people.grant(wirer, lab.vcenter, role)
    client.force_login(wirer)
    walk = Walk(client, url).send(target=other.moref)
    assert "You may not change the devices of this virtual machine." in walk.page
    assert walk.send().answer.status_code == 422
    nics = VirtualNic.objects.filter(network=lab.network, vm__template=False).select_related("vm__host")[:1]
    (done,) = network_moves.plug(wirer, nics, other)
    assert done.fault.name == "NoPermission"


@pytest.mark.parametrize("values", [{"networks-target": "\x00"}, {"adapters-adapters": "vm-1:x"}, {"seen": "a" * 5000}])
def test_nonsense_is_refused_in_words(lab, owner, other, values):
    sent = {"networks-source": lab.network.moref, "networks-target": other.moref, "at": "ready", "go": "finish"}
    assert owner.post(address(lab, lab.network, "migrate-to-network"), {**sent, **values}).status_code == 422
