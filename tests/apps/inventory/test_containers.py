"""Folders, clusters, pools, hosts, datastores, networks; admission control with the guide's worked example."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from domain import faults
from domain.states import VmPower
from inventory import admission, pump
from inventory.actions import radius, rules
from inventory.models import (
    Cluster,
    Datacenter,
    DatastoreMount,
    Event,
    Folder,
    Host,
    ResourcePool,
    Task,
    VirtualMachine,
)
from inventory.services import clock, clusters, datastores, folders, hosts, naming, networks, pools, vms
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=2)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def object_of(task: Task, model):
    return model.objects.get(moref=task.entity)


def reserved_vm(lab, pool, mhz):
    return builders.make_vm(lab.host, pool=pool, datastore=lab.datastore, cpu_reservation_mhz=mhz)


def test_the_guides_example_of_expandable_reservations(lab):
    """RM guide 6.7, "Expandable Reservation Example 1": RP-MOM 6 GHz, RP-KID 2 GHz expandable."""
    root = builders.root_pool(lab.cluster)
    mom = object_of(pools.create(None, root, "RP-MOM", cpu_reservation_mhz=6000, cpu_expandable=False), ResourcePool)
    kid = object_of(pools.create(None, mom, "RP-KID", cpu_reservation_mhz=2000), ResourcePool)
    running = reserved_vm(lab, mom, 1000)
    VirtualMachine.objects.filter(pk=running.pk).update(power_state=VmPower.ON)
    first, second = reserved_vm(lab, kid, 2000), reserved_vm(lab, kid, 2000)
    pumping.meet(lab.vcenter)
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(pk=first.pk), lab.host))
    sees = admission.Guarantees.of(lab.cluster).cpu.available(str(kid.pk))
    assert sees == 3000
    VirtualMachine.objects.filter(pool=mom).update(cpu_reservation_mhz=3000)
    assert admission.Guarantees.of(lab.cluster).cpu.available(str(kid.pk)) == 1000
    with pytest.raises(faults.InsufficientCpuResourcesFault) as refused:
        vms.power_on(None, VirtualMachine.objects.get(pk=second.pk), lab.host)
    assert refused.value.fields == {"pool": "RP-KID", "unreserved": 1000, "requested": 2000}


def test_a_pool_cannot_guarantee_more_than_its_parent_has(lab):
    root = builders.root_pool(lab.cluster)
    with pytest.raises(faults.InsufficientCpuResourcesFault):
        pools.create(None, root, "greedy", cpu_reservation_mhz=10_000_000)
    pool = object_of(pools.create(None, root, "modest", cpu_reservation_mhz=1000), ResourcePool)
    with pytest.raises(faults.InsufficientCpuResourcesFault):
        pools.reconfigure(None, pool, {"cpu_reservation_mhz": 10_000_000})
    pool.refresh_from_db()
    assert pool.cpu_reservation_mhz == 1000


def test_a_destroyed_pool_leaves_its_children_to_its_parent(lab):
    root = builders.root_pool(lab.cluster)
    upper = object_of(pools.create(None, root, "upper"), ResourcePool)
    lower = object_of(pools.create(None, upper, "lower"), ResourcePool)
    vm = builders.make_vm(lab.host, pool=upper, datastore=lab.datastore)
    with pytest.raises(faults.InvalidArgument):
        pools.move(None, upper, lower)
    pools.destroy(None, upper)
    lower.refresh_from_db()
    vm.refresh_from_db()
    assert (lower.parent_id, vm.pool_id) == (root.pk, root.pk)


def test_a_datacenter_has_four_folders_that_stay(lab):
    root = folders.root_folder(lab.vcenter)
    made = object_of(folders.create_datacenter(None, root, "Busan"), Datacenter)
    fixed = Folder.objects.filter(datacenter=made, fixed=True)
    assert set(fixed.values_list("folder_kind", flat=True)) == {"vm", "host", "datastore", "network"}
    with pytest.raises(faults.NotSupported):
        naming.rename(None, fixed.first(), "other")
    with pytest.raises(faults.DuplicateName):
        folders.create_datacenter(None, root, "Busan")
    folders.destroy(None, made)
    assert not Datacenter.objects.filter(pk=made.pk).exists()


def test_folders_nest_by_kind_and_never_in_themselves(lab):
    outer = object_of(folders.create(None, lab.vm_folder, "outer"), Folder)
    inner = object_of(folders.create(None, outer, "inner"), Folder)
    with pytest.raises(faults.InvalidFolder):
        folders.move(None, outer, inner)
    with pytest.raises(faults.InvalidFolder):
        folders.move(None, lab.cluster, outer)
    vms.move_to_folder(None, lab.vms[1], inner)
    folders.destroy(None, outer)
    assert VirtualMachine.everything.get(pk=lab.vms[1].pk).deleted_at is not None


def test_a_host_joins_works_and_leaves(lab):
    host = object_of(hosts.add(None, cluster=lab.cluster, name="esx-new.lab", model="lab-1u"), Host)
    assert set(host.datastores.values_list("name", flat=True)) == {"shared"}
    pumping.beat(lab.vcenter)
    vm = builders.make_vm(lab.host, datastore=lab.datastore)
    with pytest.raises(faults.DuplicateName):
        hosts.add(None, cluster=lab.cluster, name="esx-new.lab")
    with pytest.raises(faults.InvalidState):
        hosts.remove(None, host)
    hosts.disconnect(None, host)
    hosts.remove(None, Host.objects.get(pk=host.pk))
    assert not Host.objects.filter(pk=host.pk).exists()
    assert VirtualMachine.objects.filter(pk=vm.pk).exists()


def test_a_standalone_host_takes_its_compute_resource_along(lab):
    folder = lab.cluster.folder
    host = object_of(hosts.add(None, folder=folder, name="desk.lab", model="desktop-8c", kind="hosted"), Host)
    assert host.cluster.standalone
    compute = host.cluster.pk
    hosts.disconnect(None, host)
    hosts.remove(None, Host.objects.get(pk=host.pk))
    assert not Cluster.objects.filter(pk=compute).exists()


def test_a_host_reboots_only_from_maintenance_unless_forced(lab):
    with pytest.raises(faults.InvalidState):
        hosts.reboot(None, lab.host, "patch")
    task = hosts.reboot(None, lab.host, "patch", force=True)
    pumping.succeeded(lab.vcenter, task, limit_s=3000)
    host = Host.objects.get(pk=lab.host.pk)
    assert (host.connection_state, host.power_state) == ("connected", "poweredOn")
    assert Event.objects.filter(entity=host.moref, type="HostRebootedEvent").exists()


def test_datastores_and_networks_are_kept_while_used(lab):
    with pytest.raises(faults.ResourceInUse):
        datastores.destroy(None, lab.datastore)
    with pytest.raises(faults.ResourceInUse):
        networks.destroy(None, lab.network)
    store = datastores.create(None, lab.datastore.folder, "spare", "VMFS", 1024**4, lab.hosts)
    pumping.beat(lab.vcenter)
    datastores.destroy(None, object_of(store, type(lab.datastore)))
    with pytest.raises(faults.InvalidArgument):
        datastores.create(None, lab.datastore.folder, "tiny", "VMFS", 1024, lab.hosts)


def test_cluster_settings_are_checked_and_versions_compared(lab):
    with pytest.raises(faults.LimitExceeded):
        clusters.reconfigure(None, lab.cluster, {"drs_threshold": 6})
    clusters.reconfigure(None, lab.cluster, {"drs_enabled": True}, lab.cluster.change_version)
    with pytest.raises(faults.ConcurrentAccess):
        clusters.reconfigure(None, Cluster.objects.get(pk=lab.cluster.pk), {"drs_enabled": False}, 1)


def test_the_clock_pauses_steps_and_changes_speed(lab):
    vcenter = lab.vcenter
    clock.set_speed(None, vcenter, 60)
    clock.pause(None, vcenter)
    paused = vcenter.lab_seconds()
    clock.step(None, vcenter, 90)
    assert vcenter.lab_seconds() == pytest.approx(paused + 90)
    clock.resume(None, vcenter)
    assert vcenter.clock_speed == 60
    with pytest.raises(faults.InvalidArgument):
        clock.set_speed(None, vcenter, 601)


def test_a_lost_configuration_command_is_noticed(lab, monkeypatch):
    monkeypatch.setattr("inventory.fleet.send", lambda *_args: False)
    pool = object_of(pools.create(None, builders.root_pool(lab.cluster), "unheard"), ResourcePool)
    monkeypatch.undo()
    monkeypatch.setattr(pump, "VERSION_GRACE_S", 0.0)
    for _ in range(3):
        pumping.advance(lab.vcenter, 20)
    vm = builders.make_vm(lab.host, pool=pool, datastore=lab.datastore)
    assert pumping.succeeded(lab.vcenter, vms.move_to_pool(None, vm, builders.root_pool(lab.cluster)))


def test_import_trace_assigns_in_turn_and_a_bad_file_changes_nothing(lab, tmp_path):
    good, bad = tmp_path / "day.npz", tmp_path / "bad.npz"
    np.savez(good, cpu=np.full((2, 288), 50, np.uint8), name=np.array(["a", "b"]))
    bad.write_bytes(b"no archive")
    with pytest.raises(CommandError, match=r"bad\.npz"):
        call_command("import_trace", str(bad))
    assert not VirtualMachine.objects.exclude(trace="").exists()
    call_command("import_trace", str(good), vms=lab.vms[0].name, stdout=StringIO())
    vm = VirtualMachine.objects.get(pk=lab.vms[0].pk)
    assert vm.trace.endswith("/a")
    assert VirtualMachine.objects.exclude(trace="").count() == 1


def test_the_recycle_bin_holds_no_host_back(lab):
    """What waits there is registered elsewhere, from where it can be restored and started."""
    host, vm = lab.hosts[1], lab.vms[1]
    assert vm.host == host
    vms.delete_from_disk(None, vm)
    hosts.disconnect(None, host)
    host.refresh_from_db()
    hosts.remove(None, host)
    comes_back_on(lab, vm, lab.hosts[0])


def comes_back_on(lab: builders.SmallLab, vm: VirtualMachine, host: Host) -> None:
    """From the recycle bin, and it starts."""
    pumping.beat(lab.vcenter)
    vms.restore(None, VirtualMachine.everything.get(pk=vm.pk))
    restored = VirtualMachine.objects.get(pk=vm.pk)
    assert restored.host == host
    pumping.succeeded(lab.vcenter, vms.power_on(None, restored))


def test_a_host_stays_while_nobody_else_reaches_what_it_holds(lab):
    host, vm = lab.hosts[1], lab.vms[1]
    DatastoreMount.objects.filter(datastore=lab.datastore).exclude(host=host).delete()
    vms.delete_from_disk(None, vm)
    hosts.disconnect(None, host)
    host.refresh_from_db()
    with pytest.raises(faults.ResourceInUse) as refused:
        hosts.remove(None, host)
    assert vm.name in str(refused.value.fields["users"])


def out_of_service(lab: builders.SmallLab, *chosen: Host) -> list[Host]:
    for host in chosen:
        hosts.disconnect(None, host)
    return list(Host.objects.filter(pk__in=[host.pk for host in chosen]))


def test_its_machines_leave_the_inventory_with_a_host_and_come_back_on_another(lab):
    host, vm = lab.hosts[1], lab.vms[1]
    (gone,) = out_of_service(lab, host)
    assert any(vm.name in line for line in radius.host_remove(gone))
    hosts.remove(None, gone)
    assert not VirtualMachine.objects.filter(pk=vm.pk).exists()
    assert Event.objects.filter(entity=vm.moref, type="VmRemovedEvent").exists()
    comes_back_on(lab, vm, lab.hosts[0])


def test_what_runs_on_it_holds_a_host_back(lab):
    host, vm = lab.hosts[1], lab.vms[1]
    VirtualMachine.objects.filter(pk=vm.pk).update(power_state=VmPower.ON)
    (leaving,) = out_of_service(lab, host)
    with pytest.raises(faults.InvalidPowerState) as refused:
        hosts.remove(None, leaving)
    assert refused.value.fields["name"] == vm.name
    assert vm.name in str(rules.host_removable(leaving))
    assert Host.objects.filter(pk=host.pk).exists()
    assert VirtualMachine.objects.filter(pk=vm.pk).exists()


def test_a_machine_that_something_is_done_to_holds_its_host_back(lab):
    vm = lab.vms[1]
    vms.power_on(None, vm)
    (leaving,) = out_of_service(lab, lab.hosts[1])
    with pytest.raises(faults.TaskInProgress):
        hosts.remove(None, leaving)


def test_what_nobody_else_reaches_is_gone_with_its_host_and_the_question_says_so(lab):
    host, vm = lab.hosts[1], lab.vms[1]
    DatastoreMount.objects.filter(datastore=lab.datastore).exclude(host=host).delete()
    (leaving,) = out_of_service(lab, host)
    assert vm.name in radius.host_remove(leaving)[-1]
    hosts.remove(None, leaving)
    assert not VirtualMachine.everything.filter(pk=vm.pk).exists()
    pumping.beat(lab.vcenter)


def test_a_cluster_waits_for_its_hosts_and_then_takes_them_along(lab):
    cluster = lab.cluster
    with pytest.raises(faults.InvalidState) as refused:
        clusters.destroy(None, cluster)
    assert lab.hosts[0].name in refused.value.sentence
    assert lab.hosts[0].name in str(rules.cluster_removable(cluster))
    out_of_service(lab, *lab.hosts)
    with pytest.raises(faults.InvalidPowerState):
        clusters.destroy(None, cluster)
    VirtualMachine.objects.filter(pk=lab.vms[0].pk).update(power_state=VmPower.OFF)
    asked = " ".join(radius.cluster_delete(cluster))
    assert lab.vms[0].name in asked
    assert lab.hosts[0].name in asked
    clusters.destroy(None, cluster)
    assert not Cluster.objects.filter(pk=cluster.pk).exists()
    assert not Host.objects.filter(pk__in=[h.pk for h in lab.hosts]).exists()
    assert not VirtualMachine.objects.filter(pk__in=[vm.pk for vm in lab.vms]).exists()
    pumping.beat(lab.vcenter)


def test_machines_of_a_cluster_that_goes_are_kept_in_one_that_reaches_their_files(lab):
    other = builders.make_cluster(lab.datacenter)
    spare = builders.make_host(other)
    DatastoreMount.objects.get_or_create(host=spare, datastore=lab.datastore)
    VirtualMachine.objects.filter(pk=lab.vms[0].pk).update(power_state=VmPower.OFF)
    out_of_service(lab, *lab.hosts)
    clusters.destroy(None, lab.cluster)
    kept = VirtualMachine.everything.get(pk=lab.vms[0].pk)
    assert (kept.host, kept.pool, kept.purge_at) == (spare, builders.root_pool(other), None)
