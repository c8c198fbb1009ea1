"""What a move does to the devices: other networks for adapters, other datastores and formats for single disks."""

from __future__ import annotations

import pytest

from domain import faults
from domain.states import DiskProvisioning
from hypervisors.port import Injection
from inventory.models import Datastore, HostNetwork, Network, Role, Snapshot, Task, VirtualDisk, VirtualMachine
from scheduler.services.migration import Target, relocate
from tests import builders, pumping
from tests.apps.scheduler.motion_rig import Stage, Walk, running_stage
from tests.cast import grant, make_user

pytestmark = pytest.mark.django_db(transaction=True)
GIB = 1024**3


@pytest.fixture
def stage() -> Stage:
    return running_stage(vms=4)


def other_network(stage: Stage) -> Network:
    """A network that hosts 1 and 2 have; host 2 lacks the machines' own."""
    network = builders.make_network(stage.lab.datacenter, "Laboratory", hosts=[stage.host(1), stage.host(2)])
    HostNetwork.objects.filter(host=stage.host(2), network=stage.lab.network).delete()
    return network


def fast_store(stage: Stage) -> Datastore:
    store = builders.make_datastore(stage.lab.datacenter, "fast", hosts=[stage.host(i) for i in range(3)])
    pumping.meet(stage.vc)
    return store


def second_disk(vm: VirtualMachine) -> VirtualDisk:
    first = vm.disks.get()
    VirtualDisk.objects.filter(pk=first.pk).update(capacity_bytes=4 * GIB, used_bytes=GIB)
    more = {"capacity_bytes": 8 * GIB, "used_bytes": GIB // 2, "datastore": first.datastore}
    return VirtualDisk.objects.create(vm=vm, key=2001, label="Hard disk 2", **more)


# --- networks --------------------------------------------------------------------------------------------------------
def test_a_host_without_the_network_takes_the_machine_on_another_one(stage):
    vm, network = stage.vm(0), other_network(stage)
    walk = Walk(stage.client("student"), stage.dialog(vm.moref, "migrate")).send(type__type="compute")
    walk.send("refresh", compute__host=stage.host(2).moref)
    assert f"does not have the network “{stage.lab.network.name}”" in walk.page
    walk.send()
    assert "Select networks" in walk.page
    field = f"networks-from-{stage.lab.network.moref}"
    assert walk.send(**{field: ""}).answer.status_code == 422
    walk.send(**{field: network.moref}).send(priority__priority="highPriority")
    assert f"{stage.lab.network.name} → {network.name}" in walk.page
    assert walk.send("finish", **{field: network.moref}).answer.status_code == 202
    pumping.succeeded(stage.vc, Task.objects.get(operation="vm.relocate"))
    assert (stage.vm(0).host_id, stage.vm(0).nics.get().network_id) == (stage.host(2).pk, network.pk)


def test_a_drop_stops_at_the_networks_where_the_host_lacks_one(stage):
    other_network(stage)
    client, vm = stage.client("student"), stage.vm(0)
    walk = Walk(client, stage.dialog(vm.moref, "migrate") + f"?host={stage.host(2).moref}")
    assert "Destination network" in walk.page
    walk = Walk(client, stage.dialog(vm.moref, "migrate") + f"?host={stage.host(1).moref}")
    assert "Ready to complete" in walk.page


def test_many_machines_are_mapped_by_their_source_network(stage):
    network = other_network(stage)
    url = stage.url("scheduler:migrate-many") + "?on=" + "+".join(stage.vm(i).moref for i in (0, 1, 3))
    walk = Walk(stage.client("student"), url).send(type__type="host").send(compute__host=stage.host(2).moref)
    assert "3 network adapters" in walk.page
    field = {f"networks-from-{stage.lab.network.moref}": network.moref}
    assert walk.send(**field).answer.status_code == 200
    assert walk.send("next").send("finish").answer.status_code == 202
    for task in Task.objects.filter(operation="vm.relocate"):
        pumping.succeeded(stage.vc, task)
    assert {stage.vm(i).nics.get().network_id for i in (0, 1, 3)} == {network.pk}
    assert stage.vm(2).nics.get().network_id == stage.lab.network.pk


def test_the_service_refuses_what_the_destination_or_the_rights_forbid(stage):
    vm, network, target = stage.vm(0), other_network(stage), stage.host(2)
    key = vm.nics.get().key
    with pytest.raises(faults.CannotAccessNetwork):
        relocate(None, vm, Target(host=target))
    elsewhere = builders.make_network(stage.lab.datacenter, "elsewhere", hosts=[stage.host(0)])
    with pytest.raises(faults.CannotAccessNetwork):
        relocate(None, vm, Target(host=target, networks={key: elsewhere}))
    with pytest.raises(faults.InvalidArgument):
        relocate(None, vm, Target(host=target, networks={key + 1: network}))
    mover = make_user("mover")
    role = Role.objects.create(vcenter=stage.vc, name="Mover", privileges=["System.Read", "Resource.HotMigrate"])
    grant(mover, stage.vc, role)
    with pytest.raises(faults.NoPermission):
        relocate(mover, vm, Target(host=target, networks={key: network}))
    assert not Task.objects.filter(operation="vm.relocate").exists()


def test_a_move_that_fails_leaves_the_network(stage):
    vm, network = stage.vm(0), other_network(stage)
    stage.break_(vm, Injection.FAIL_NEXT_MIGRATION)
    task = relocate(None, vm, Target(host=stage.host(2), networks={vm.nics.get().key: network}))
    assert pumping.finished(stage.vc, task).fault
    assert stage.vm(0).nics.get().network_id == stage.lab.network.pk


# --- disks -----------------------------------------------------------------------------------------------------------
def test_one_disk_moves_and_becomes_thick_while_the_other_stays(stage):
    vm, more = stage.vm(0), second_disk(stage.vm(0))
    store = fast_store(stage)
    walk = Walk(stage.client("student"), stage.dialog(vm.moref, "migrate")).send(type__type="storage")
    walk.send("refresh", storage__advanced="on", storage__datastore=store.moref)
    assert "Hard disk 2" in walk.page
    kept = {"storage-store-2000": "keep", "storage-store-2001": store.moref}
    kept["storage-format-2001"] = DiskProvisioning.THICK_EAGER.value
    walk.send(**kept).send(priority__priority="highPriority")
    assert "Stays on shared" in walk.page
    assert "fast, Thick provision eager zeroed" in walk.page
    assert walk.send("finish").answer.status_code == 202
    task = pumping.succeeded(stage.vc, Task.objects.get(operation="vm.relocate"))
    assert task.args["disks"] == {"2001": store.moref}
    more.refresh_from_db()
    assert (more.datastore_id, more.provisioning) == (store.pk, DiskProvisioning.THICK_EAGER)
    first = vm.disks.get(key=2000)
    assert (first.datastore_id, first.provisioning) == (stage.lab.datastore.pk, DiskProvisioning.THIN)
    store.refresh_from_db()
    assert store.provisioned_bytes == 8 * GIB


def test_all_disks_become_what_was_asked_for(stage):
    vm, _more = stage.vm(0), second_disk(stage.vm(0))
    store = fast_store(stage)
    walk = Walk(stage.client("student"), stage.dialog(vm.moref, "migrate")).send(type__type="both")
    walk.send(compute__host=stage.host(2).moref).send(storage__datastore=store.moref, storage__format="thickLazyZeroed")
    walk.send().send(priority__priority="highPriority").send("finish")
    pumping.succeeded(stage.vc, Task.objects.get(operation="vm.relocate"))
    assert stage.vm(0).host_id == stage.host(2).pk
    assert set(vm.disks.values_list("datastore_id", "provisioning")) == {(store.pk, "thickLazyZeroed")}


def test_formats_that_cannot_be_are_refused_with_a_sentence(stage):
    vm, more = stage.vm(0), second_disk(stage.vm(0))
    store = fast_store(stage)
    with pytest.raises(faults.InvalidArgument, match="stays on its datastore"):
        relocate(None, vm, Target(disks={2000: store}, formats={more.key: "thickLazyZeroed"}))
    with pytest.raises(faults.InvalidArgument):
        relocate(None, vm, Target(datastore=store, format="round"))
    with pytest.raises(faults.InvalidArgument):
        relocate(None, vm, Target(disks={2999: store}))
    Snapshot.objects.create(vm=vm, moref="snapshot-1", name="before")
    with pytest.raises(faults.InvalidArgument, match="snapshots"):
        relocate(None, vm, Target(datastore=store, format="thickLazyZeroed"))


def test_disks_that_fit_one_by_one_but_not_together_are_refused(stage):
    vm = stage.vm(0)
    second_disk(vm)
    store = fast_store(stage)
    Datastore.objects.filter(pk=store.pk).update(capacity_bytes=10 * GIB, used_bytes=0)
    store.refresh_from_db()
    with pytest.raises(faults.NoDiskSpace):
        relocate(None, vm, Target(datastore=store, format="thickLazyZeroed"))
    assert relocate(None, vm, Target(datastore=store))


def test_every_disk_that_stays_is_no_storage_move(stage):
    second_disk(stage.vm(0))
    fast_store(stage)
    walk = Walk(stage.client("student"), stage.dialog(stage.vm(0).moref, "migrate")).send(type__type="storage")
    walk.send("refresh", storage__advanced="on")
    assert walk.send(**{"storage-store-2000": "keep", "storage-store-2001": "keep"}).answer.status_code == 422
    assert "choose another datastore" in walk.page
