"""A machine gets no device that its host cannot reach, whichever way the change comes."""

from __future__ import annotations

import pytest

from domain import faults
from domain.states import TaskState
from inventory.models import DatastoreMount, HostNetwork, Task, VirtualMachine
from inventory.services import datastores, network_moves, provisioning, vms
from tests import builders, pumping
from tests.cast import admit, make_cast

GIB = 1024**3
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    return builders.small_lab()


@pytest.fixture
def far_network(lab):
    """A network of the standalone host alone."""
    return builders.make_network(lab.datacenter, "far", hosts=[lab.standalone])


@pytest.fixture
def far_store(lab):
    return builders.make_datastore(lab.datacenter, "away", hosts=[lab.standalone])


def again(vm: VirtualMachine) -> VirtualMachine:
    return VirtualMachine.objects.get(pk=vm.pk)


@pytest.mark.parametrize("running", [True, False])
def test_a_network_that_the_host_lacks_is_refused(lab, far_network, running):
    vm = lab.vms[0] if running else lab.vms[1]
    key = vm.nics.get().key
    for nics in ({"add": [{"network": far_network.moref}]}, {"edit": {key: {"network": far_network.moref}}}):
        with pytest.raises(faults.CannotAccessNetwork) as refused:
            vms.reconfigure(None, vm, {"nics": nics})
        assert refused.value.fields == {"host": vm.host.name, "name": vm.name, "network": "far"}
        assert "Choose a network that the host has" in refused.value.sentence
    assert not Task.objects.exists()


def test_a_datastore_that_the_host_does_not_mount_takes_no_disk_and_no_image(lab, far_store):
    vm = lab.vms[1]
    with pytest.raises(faults.CannotAccessVmDisk, match="Mount it there"):
        vms.reconfigure(None, vm, {"disks": {"add": [{"capacity_bytes": GIB, "datastore": far_store.moref}]}})
    image = {"cd_datastore": far_store.moref, "cd_path": "iso/tools.iso"}
    for connected in (True, False):
        with pytest.raises(faults.CannotAccessVmDevice) as refused:
            vms.reconfigure(None, vm, {**image, "cd_connected": connected})
        assert refused.value.fields["datastore"] == "away"


def test_a_mount_that_does_not_answer_counts_as_none(lab):
    DatastoreMount.objects.filter(host=lab.host, datastore=lab.local_datastore).update(accessible=False)
    new = {"add": [{"capacity_bytes": GIB, "datastore": lab.local_datastore.moref}]}
    with pytest.raises(faults.CannotAccessVmDisk):
        vms.reconfigure(None, lab.vms[0], {"disks": new})


def test_hardware_that_the_host_is_too_old_for_is_refused(lab):
    vm = lab.vms[1]
    type(vm.host).objects.filter(pk=vm.host_id).update(hypervisor_version="7.0.2")
    with pytest.raises(faults.VirtualHardwareVersionNotSupported, match="older compatibility"):
        vms.reconfigure(None, again(vm), {"hardware_version": 21})


def test_what_a_machine_has_lost_keeps_nobody_from_other_changes(lab):
    vm = lab.vms[1]
    HostNetwork.objects.filter(host=vm.host).delete()
    DatastoreMount.objects.filter(host=vm.host).update(accessible=False)
    nic = vm.nics.get()
    for changes in ({"memory_mib": 2048}, {"nics": {"edit": {nic.key: {"network": nic.network.moref}}}},
                    {"nics": {"edit": {nic.key: {"connected": False}}}}):  # fmt: skip
        task = vms.reconfigure(None, again(vm), changes)
        assert (task.state, task.args["changes"].keys()) == (TaskState.QUEUED, changes.keys())
        Task.objects.filter(pk=task.pk).delete()


def test_an_adapter_may_be_left_on_no_network(lab):
    vm = lab.vms[1]
    assert vms.reconfigure(None, vm, {"nics": {"edit": {vm.nics.get().key: {"network": ""}}}})


def test_the_way_back_is_checked_like_the_way_there(lab, far_network):
    """Undo and inventory files ask the same service: a network that the host has lost meanwhile is refused."""
    (done,) = network_moves.plug(None, lab.vms[1].nics.select_related("vm__host"), far_network)
    assert isinstance(done.fault, faults.CannotAccessNetwork)


def test_new_machines_find_no_host_that_lacks_what_they_need(lab, far_store):
    where = {"folder": lab.vm_folder, "pool": builders.root_pool(lab.cluster), "name": "fresh"}
    disks = [{"capacity_bytes": GIB, "datastore": lab.datastore.moref}]
    with pytest.raises(faults.CannotAccessVmDevice):
        provisioning.create(None, **where, datastore=None, disks=disks, cd_datastore=far_store.moref, cd_path="a.iso")
    for host in lab.hosts:
        type(host).objects.filter(pk=host.pk).update(hypervisor_version="7.0.2")
    with pytest.raises(faults.VirtualHardwareVersionNotSupported):
        provisioning.create(None, **where, datastore=None, disks=disks, hardware_version=21)
    assert not VirtualMachine.everything.filter(name="fresh").exists()


def test_what_the_host_has_lost_by_the_time_ends_the_task_with_the_fault(lab):
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    vm, other = lab.vms[1], builders.make_network(lab.datacenter, "second", hosts=lab.hosts)
    task = vms.reconfigure(None, vm, {"nics": {"edit": {vm.nics.get().key: {"network": other.moref}}}})
    HostNetwork.objects.filter(network=other).delete()
    done = pumping.finished(lab.vcenter, task)
    assert done.fault["fault"] == "CannotAccessNetwork"
    assert again(vm).nics.get().network == lab.network


def test_a_datastore_is_not_unmounted_under_the_image_that_a_machine_reads(lab):
    store = builders.make_datastore(lab.datacenter, "images", hosts=lab.hosts)
    VirtualMachine.objects.filter(pk=lab.vms[1].pk).update(cd_datastore=store, cd_path="a.iso", cd_connected=True)
    with pytest.raises(faults.ResourceInUse):
        datastores.unmount(None, store, lab.vms[1].host)
    VirtualMachine.objects.filter(pk=lab.vms[1].pk).update(cd_connected=False)
    datastores.unmount(None, store, lab.vms[1].host)


def test_reader_and_stranger_are_refused_before_the_host_is_asked(lab, far_network):
    cast = make_cast()
    admit(cast, lab.vcenter)
    vm = VirtualMachine.objects.select_related("vcenter", "host").get(pk=lab.vms[1].pk)
    for who in (cast.reader, cast.outsider):
        with pytest.raises(faults.NoPermission):
            vms.reconfigure(who, vm, {"nics": {"add": [{"network": far_network.moref}]}})
    with pytest.raises(faults.CannotAccessNetwork):
        vms.reconfigure(cast.student, vm, {"nics": {"add": [{"network": far_network.moref}]}})
