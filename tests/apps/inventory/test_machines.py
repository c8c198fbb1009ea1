"""What a person does with virtual machines, from the service to the record of the fleet."""

from __future__ import annotations

import pytest

from domain import faults
from domain.states import TaskState, VmPower
from inventory import metrics
from inventory.fleet import RedisStore
from inventory.models import AuditEntry, Datastore, Event, Task, VirtualMachine
from inventory.services import provisioning, snapshots, tasks, vms
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)
GIB = 1024**3


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def new_vm(lab, **fields):
    values = {
        "folder": lab.vm_folder, "pool": builders.root_pool(lab.cluster), "name": "fresh",
        "datastore": lab.datastore, "vcpus": 2, "memory_mib": 2048, "nics": [{"network": lab.network.moref}],
    } | fields  # fmt: skip
    return provisioning.create(None, **values)


def test_a_vm_lives_from_creation_to_the_recycle_bin(lab):
    task = pumping.succeeded(lab.vcenter, new_vm(lab))
    vm = VirtualMachine.objects.get(moref=task.entity)
    assert (vm.provisioning, vm.power_state) == (False, VmPower.OFF)
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    vm.refresh_from_db()
    assert vm.power_state == VmPower.ON
    pumping.advance(lab.vcenter, 120)
    vm.refresh_from_db()
    assert vm.ip_address
    pumping.succeeded(lab.vcenter, vms.shutdown_guest(None, vm))
    vm.refresh_from_db()
    assert vm.power_state == VmPower.OFF
    vms.delete_from_disk(None, vm)
    assert not VirtualMachine.objects.filter(pk=vm.pk).exists()
    pumping.succeeded(lab.vcenter, vms.purge(None, VirtualMachine.everything.get(pk=vm.pk)))
    assert not VirtualMachine.everything.filter(pk=vm.pk).exists()
    names = list(Event.objects.filter(entity=task.entity).order_by("key").values_list("type", flat=True))
    assert names == [
        "VmBeingCreatedEvent", "VmCreatedEvent", "VmStartingEvent", "VmPoweredOnEvent", "VmGuestShutdownEvent",
        "VmPoweredOffEvent", "VmRecycledEvent", "VmPurgedEvent",
    ]  # fmt: skip
    assert AuditEntry.objects.filter(entity=task.entity).count() == 5


def test_restored_from_the_recycle_bin_it_runs_again(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    vms.delete_from_disk(None, vm)
    vms.restore(None, VirtualMachine.everything.get(pk=vm.pk))
    vm.refresh_from_db()
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    vm.refresh_from_db()
    assert vm.power_state == VmPower.ON


def test_create_with_power_on_ends_running(lab):
    task = pumping.succeeded(lab.vcenter, new_vm(lab, power_on=True))
    chained = Task.objects.get(parent=task)
    pumping.succeeded(lab.vcenter, chained)
    assert VirtualMachine.objects.get(moref=task.entity).power_state == VmPower.ON


def test_a_failed_creation_leaves_nothing(lab):
    promised = Datastore.objects.get(pk=lab.datastore.pk).provisioned_bytes
    task = new_vm(lab)
    tasks.cancel(None, task)
    done = pumping.finished(lab.vcenter, task)
    assert done.state == TaskState.ERROR
    assert done.fault["fault"] == "RequestCanceled"
    assert not VirtualMachine.everything.filter(moref=task.entity).exists()
    assert Datastore.objects.get(pk=lab.datastore.pk).provisioned_bytes == promised


def test_memory_is_only_added_hot_where_that_was_allowed(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    vm.refresh_from_db()
    with pytest.raises(faults.MemoryHotPlugNotSupported):
        vms.reconfigure(None, vm, {"memory_mib": 4096})
    pumping.succeeded(lab.vcenter, vms.power_off(None, vm))
    vm.refresh_from_db()
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"memory_hot_add": True}, vm.change_version))
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(pk=vm.pk)))
    vm = VirtualMachine.objects.get(pk=vm.pk)
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"memory_mib": 4096}))
    vm.refresh_from_db()
    assert (vm.memory_mib, vm.memory_shares) == (4096, 40_960)


def test_a_stale_form_loses_nothing(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    opened = vm.change_version
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"vcpus": 4}, opened))
    with pytest.raises(faults.ConcurrentAccess):
        vms.reconfigure(None, VirtualMachine.objects.get(pk=vm.pk), {"vcpus": 8}, opened)
    vm.refresh_from_db()
    assert vm.vcpus == 4


def test_a_busy_vm_refuses_a_second_task(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    vms.power_on(None, vm)
    with pytest.raises(faults.TaskInProgress):
        vms.power_on(None, vm)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": "x" * 81}, faults.InvalidName),
        ({"name": "  "}, faults.InvalidName),
        ({"memory_mib": -4}, faults.InvalidArgument),
        ({"memory_mib": 1023}, faults.InvalidArgument),
        ({"vcpus": 769}, faults.LimitExceeded),
        ({"vcpus": 3, "cores_per_socket": 2}, faults.InvalidArgument),
        ({"disks": [{"capacity_bytes": -1}]}, faults.InvalidArgument),
        ({"disks": [{"capacity_bytes": 63 * 1024**4}]}, faults.LimitExceeded),
        ({"cpu_reservation_mhz": 500, "cpu_limit_mhz": 100}, faults.InvalidArgument),
        ({"disks": [{"capacity_bytes": 60 * 1024**4, "provisioning": "thickEagerZeroed"}]}, faults.NoDiskSpace),
    ],
)
def test_bad_sizes_are_refused_with_a_sentence_and_change_nothing(lab, fields, fault):
    before = VirtualMachine.everything.count()
    with pytest.raises(fault) as refused:
        new_vm(lab, **fields)
    assert refused.value.sentence
    assert VirtualMachine.everything.count() == before


def test_the_name_of_a_sibling_is_taken(lab):
    new_vm(lab)
    with pytest.raises(faults.DuplicateName):
        new_vm(lab)


def test_snapshots_form_a_tree_and_bring_the_hardware_back(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    pumping.succeeded(lab.vcenter, snapshots.take(None, vm, "before"))
    vm.refresh_from_db()
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"vcpus": 8}))
    vm = VirtualMachine.objects.get(pk=vm.pk)
    pumping.succeeded(lab.vcenter, snapshots.take(None, vm, "after"))
    vm = VirtualMachine.objects.get(pk=vm.pk)
    assert vm.current_snapshot.parent.name == "before"
    pumping.succeeded(lab.vcenter, snapshots.revert(None, vm, vm.snapshots.get(name="before")))
    vm = VirtualMachine.objects.get(pk=vm.pk)
    assert (vm.vcpus, vm.current_snapshot.name) == (2, "before")
    pumping.succeeded(lab.vcenter, snapshots.remove_all(None, vm))
    assert not vm.snapshots.exists()


def test_a_clone_has_its_own_disks_and_addresses(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    task = provisioning.clone(None, vm, name="copy", folder=lab.vm_folder)
    copy = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, task).entity)
    assert copy.vcpus == vm.vcpus
    assert copy.nics.get().mac != vm.nics.get().mac
    assert copy.disks.get().pk != vm.disks.get().pk


@pytest.mark.parametrize("damage", [lambda blob: b"nothing of ours", lambda blob: blob[: len(blob) // 2]])
def test_a_state_that_cannot_be_read_is_built_anew(lab, damage):
    store = RedisStore(str(lab.vcenter.uuid))
    token = store.acquire()
    assert store.save(damage(store.load()), token, 0)
    store.release(token)
    pumping.advance(lab.vcenter, 40)
    pumping.succeeded(lab.vcenter, new_vm(lab))


def test_a_reused_slot_shows_nothing_of_its_former_owner(lab):
    first = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab, power_on=True)).entity)
    pumping.advance(lab.vcenter, 60)
    assert len(metrics.series(lab.vcenter, "vm", first.slot, [2]).times_s)
    pumping.succeeded(lab.vcenter, vms.power_off(None, VirtualMachine.objects.get(pk=first.pk)))
    vms.delete_from_disk(None, VirtualMachine.objects.get(pk=first.pk))
    pumping.succeeded(lab.vcenter, vms.purge(None, VirtualMachine.everything.get(pk=first.pk)))
    second = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab, name="second")).entity)
    assert second.slot == first.slot
    values = metrics.series(lab.vcenter, "vm", second.slot, [2]).values[2]
    assert all(v != v for v in values)


def test_a_lost_fleet_is_rebuilt_and_the_task_still_ends(lab):
    vm = VirtualMachine.objects.get(moref=pumping.succeeded(lab.vcenter, new_vm(lab)).entity)
    task = vms.power_on(None, vm)
    pumping.advance(lab.vcenter, 1, 1)
    RedisStore(str(lab.vcenter.uuid)).drop()
    Task.objects.filter(pk=task.pk).update(lease_until=None)
    pumping.succeeded(lab.vcenter, task)
    vm.refresh_from_db()
    assert vm.power_state == VmPower.ON
    assert Event.objects.filter(entity=vm.moref, type="VmPoweredOnEvent").count() == 1


def test_a_machine_waits_in_its_firmware_setup_until_it_is_reset(lab):
    vm = lab.vms[1]
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"enter_bios_setup": True}))
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(pk=vm.pk)))
    pumping.advance(lab.vcenter, 600)
    waiting = VirtualMachine.objects.get(pk=vm.pk)
    assert (waiting.power_state, waiting.ip_address, waiting.enter_bios_setup) == (VmPower.ON, "", False)
    pumping.succeeded(lab.vcenter, vms.reset(None, waiting))
    pumping.advance(lab.vcenter, 600)
    assert VirtualMachine.objects.get(pk=vm.pk).ip_address


def test_an_adapter_is_connected_at_power_on_as_it_was_asked(lab):
    vm = lab.vms[1]
    change = {"nics": {"edit": {str(vm.nics.get().key): {"start_connected": False}}}}
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, change))
    assert vm.nics.get().connected
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(pk=vm.pk)))
    assert not vm.nics.get().connected


def test_unplugging_its_adapter_takes_a_guests_address_and_plugging_it_in_gives_it_back(lab):
    vm = lab.vms[0]
    pumping.advance(lab.vcenter, 60)
    address = VirtualMachine.objects.get(pk=vm.pk).ip_address
    assert address
    key = vm.nics.get().key
    for connected, told in ((False, ""), (True, address)):
        changes = {"nics": {"edit": {key: {"connected": connected}}}}
        pumping.succeeded(lab.vcenter, vms.reconfigure(None, VirtualMachine.objects.get(pk=vm.pk), changes))
        assert VirtualMachine.objects.get(pk=vm.pk).ip_address == told
        pumping.advance(lab.vcenter, 40)
        newest = metrics.latest(lab.vcenter)
        assert (newest.value("vm", vm.slot, 143) > 0) is connected


def test_an_adapter_that_does_not_connect_at_power_on_leaves_the_guest_alone(lab):
    vm = lab.vms[1]
    vm.nics.update(start_connected=False)
    pumping.meet(lab.vcenter)
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    pumping.advance(lab.vcenter, 120)
    vm.refresh_from_db()
    assert (vm.tools_status, vm.ip_address) == ("toolsOk", "")
    assert not vm.nics.get().connected


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cpu_affinity": "0-x"}, "cpu_affinity"),
        ({"cpu_affinity": "0", "vcpus": 2}, "cpu_affinity"),
        ({"cpu_affinity": "0-4000"}, "cpu_affinity"),
        ({"passthrough": "gpu"}, "passthrough"),
        ({"bus_sharing": "some"}, "bus_sharing"),
        ({"passthrough": "pci"}, "memory_reservation_mib"),
    ],
)
def test_what_binds_a_machine_to_its_host_is_checked(lab, changes, named):
    with pytest.raises(faults.InvalidArgument) as refused:
        vms.reconfigure(None, lab.vms[1], changes)
    assert refused.value.fields["property"] == named


def test_a_running_machine_lets_go_of_its_processors_but_keeps_its_pci_device_and_bus(lab):
    vm = lab.vms[0]
    for changes in ({"passthrough": "pci"}, {"bus_sharing": "physicalSharing"}):
        with pytest.raises(faults.InvalidPowerState):
            vms.reconfigure(None, vm, changes)
    vm.cpu_affinity = "0-7"
    vm.save(update_fields=["cpu_affinity"])
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"cpu_affinity": ""}))
    assert VirtualMachine.objects.get(pk=vm.pk).cpu_affinity == ""
