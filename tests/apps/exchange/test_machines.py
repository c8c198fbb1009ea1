"""Machines, their devices, and alarm definitions as an inventory file has them, brought to a running vCenter."""

from __future__ import annotations

import copy

import pytest

from domain import faults
from domain.states import VmPower
from inventory.exchange import build, describe, safe
from inventory.models import AlarmDefinition, Folder, Role, Task, VirtualDisk, VirtualMachine, VirtualNic
from inventory.services import alarms, exchange
from tests import builders, cast, pumping
from tests.builders import GIB

pytestmark = pytest.mark.django_db
HOT = [{"conditions": [{"type": "metric", "counter": 2, "operator": "above", "yellow": 7500, "red": 9000}]}]


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    made.people = cast.make_cast(made.vcenter)
    made.vcenter.clock_speed = 1.0
    return made


def machines(document):
    return document["datacenters"][0]["vms"]


def machine(document, vm):
    return next(one for one in machines(document) if one["name"] == vm.name)


def off(lab):
    return next(vm for vm in lab.vms if vm.power_state == VmPower.OFF)


def apply(lab, document, *ticked, user=None):
    document = safe.load(safe.dump(document).encode())
    done = exchange.apply(user or lab.people.student, lab.vcenter, document, ticked)
    pumping.advance(lab.vcenter, 120)
    return done


def left(lab, document):
    return [one for one, _able in exchange.differences(lab.people.student, lab.vcenter, document)]


def test_a_machine_that_is_new_in_the_file_comes_with_all_that_the_file_says(lab):
    document = describe.of(lab.vcenter)
    store, network = document["datacenters"][0]["datastores"][0]["name"], lab.network.name
    machines(document).append({
        "name": "fresh", "folder": ["Web"], "host": lab.hosts[0].name, "pool": ["Production"], "vcpus": 4,
        "memory_mib": 2048, "notes": "by file", "memory_reservation_mib": 256,
        "disks": [
            {"datastore": store, "capacity_bytes": 8 * GIB},
            {"datastore": store, "capacity_bytes": 20 * GIB, "provisioning": "thickEagerZeroed"},
        ],
        "nics": [{"network": network, "adapter": "e1000e"}, {"network": network, "mac": "00:50:56:8a:00:07"}],
    })  # fmt: skip
    document["datacenters"][0]["clusters"][0]["drs_groups"] = [
        {"name": "web", "kind": "vm", "members": [["Web", "fresh"]]}
    ]
    planned = exchange.plan(lab.people.student, lab.vcenter, document)
    arrival = next(one for one in planned if one.difference.kind == "vm")
    assert (arrival.able, arrival.tick) == (True, "")
    assert "4 CPUs, 2048 MB, disks: 2" in arrival.hint
    apply(lab, document)
    vm = VirtualMachine.objects.get(vcenter=lab.vcenter, name="fresh")
    assert (vm.provisioning, vm.vcpus, vm.notes, vm.pool, vm.host) == (False, 4, "by file", lab.pool, lab.hosts[0])
    assert [(d.key, d.capacity_bytes // GIB) for d in vm.disks.all()] == [(2000, 8), (2001, 20)]
    assert [(n.key, n.adapter) for n in vm.nics.all()] == [(4000, "e1000e"), (4001, "vmxnet3")]
    assert left(lab, document) == []


def test_a_template_that_is_new_in_the_file_comes_as_a_template(lab):
    document = describe.of(lab.vcenter)
    machines(document).append({"name": "golden", "host": lab.hosts[0].name, "template": True})
    apply(lab, document)
    made = VirtualMachine.objects.get(vcenter=lab.vcenter, name="golden")
    assert (made.template, made.pool) == (True, None)
    assert left(lab, document) == []


def test_disks_and_adapters_come_change_and_go(lab):
    vm = off(lab)
    document = describe.of(lab.vcenter)
    told = machine(document, vm)
    disk, nic = told["disks"][0], told["nics"][0]
    disk["capacity_bytes"] = 40 * GIB
    told["disks"].append({"datastore": disk["datastore"], "capacity_bytes": 5 * GIB})
    nic["connected"] = False
    told["nics"].append({"network": nic["network"]})
    apply(lab, document)
    assert sorted(vm.disks.values_list("key", "capacity_bytes")) == [(2000, 40 * GIB), (2001, 5 * GIB)]
    assert sorted(vm.nics.values_list("key", "connected")) == [(4000, False), (4001, True)]
    assert left(lab, document) == []
    told["nics"].pop()
    told["disks"].pop()
    apply(lab, document)
    assert list(vm.nics.values_list("key", flat=True)) == [4000]
    assert vm.disks.count() == 2  # no disk is deleted unasked
    apply(lab, document, "disks")
    assert list(vm.disks.values_list("key", flat=True)) == [2000]
    assert left(lab, document) == []


def test_a_disk_that_would_shrink_is_refused_and_one_on_another_datastore_is_left_to_people(lab):
    vm = off(lab)
    document = describe.of(lab.vcenter)
    machine(document, vm)["disks"][0]["capacity_bytes"] = GIB
    machine(document, vm)["notes"] = "never said"
    assert isinstance(exchange.rehearse(lab.people.student, lab.vcenter, document), faults.InvalidDeviceSpec)
    with pytest.raises(faults.InvalidDeviceSpec):
        apply(lab, document)
    assert not Task.objects.filter(vcenter=lab.vcenter).exists()
    document = describe.of(lab.vcenter)
    other = builders.make_datastore(lab.datacenter, "elsewhere", hosts=lab.hosts)
    machine(document, vm)["disks"][0]["datastore"] = other.name
    found = [one for one in exchange.plan(lab.people.student, lab.vcenter, document) if one.difference.kind == "vm"]
    assert [(one.able, one.difference.field) for one in found] == [(False, "disk 2000")]
    assert "datastore" in found[0].hint


def test_a_machine_that_the_file_does_not_have_goes_to_the_recycle_bin_only_where_that_is_ticked(lab):
    vm = off(lab)
    document = describe.of(lab.vcenter)
    machines(document).remove(machine(document, vm))
    one = exchange.plan(lab.people.student, lab.vcenter, document)[0]
    assert (one.difference.op, one.able, one.tick) == ("remove", True, "machines")
    assert apply(lab, document) == 0
    assert VirtualMachine.objects.filter(pk=vm.pk).exists()
    assert apply(lab, document, "machines") == 1
    gone = VirtualMachine.everything.get(pk=vm.pk)
    assert None not in (gone.deleted_at, gone.purge_at)


def test_a_machine_that_runs_does_not_go(lab):
    vm = next(vm for vm in lab.vms if vm.powered_on)
    document = describe.of(lab.vcenter)
    machines(document).remove(machine(document, vm))
    one = exchange.plan(lab.people.student, lab.vcenter, document)[0]
    assert not one.able
    assert vm.name in one.hint
    assert apply(lab, document, "machines") == 0


def test_no_folder_and_no_vapp_takes_machines_along_unasked(lab):
    folder = builders.make_folder(lab.vm_folder, "old")
    vapp = builders.make_vapp(lab.cluster, "shop", folder=lab.vm_folder)
    first = builders.make_vm(lab.hosts[0], "first", pool=lab.pool, folder=folder, datastore=lab.datastore)
    second = builders.make_vm(lab.hosts[0], "second", pool=vapp, folder=lab.vm_folder, datastore=lab.datastore)
    document = describe.of(lab.vcenter)
    site = document["datacenters"][0]
    site["folders"]["vm"] = [one for one in site["folders"]["vm"] if one["path"][-1] != "old"]
    for cluster in site["clusters"]:
        cluster["pools"] = [one for one in cluster.get("pools", []) if one["name"] != "shop"]
    site["vms"] = [one for one in site["vms"] if one["name"] not in ("first", "second")]
    ticks = {(one.difference.kind, one.tick) for one in exchange.plan(lab.people.student, lab.vcenter, document)}
    assert ticks == {("folder", "machines"), ("pool", "machines"), ("vm", "machines")}
    apply(lab, document)
    assert VirtualMachine.objects.filter(pk__in=(first.pk, second.pk)).count() == 2
    apply(lab, document, "machines")
    assert not VirtualMachine.objects.filter(pk__in=(first.pk, second.pk)).exists()
    assert not Folder.objects.filter(pk=folder.pk).exists()


def test_a_machine_in_another_folder_has_moved_and_keeps_its_disks(lab):
    vm = off(lab)
    disks = list(VirtualDisk.objects.filter(vm=vm).values_list("pk", flat=True))
    document = describe.of(lab.vcenter)
    document["datacenters"][0]["folders"]["vm"].append({"path": ["archive"]})
    told = machine(document, vm)
    told |= {"folder": ["archive"], "notes": "moved", "attributes": {}}
    assert {(one.op, one.kind, one.field) for one in left(lab, document)} == {
        ("add", "folder", ""), ("change", "vm", "folder"), ("change", "vm", "notes"),
    }  # fmt: skip
    apply(lab, document, "machines", "disks")
    vm.refresh_from_db()
    assert (vm.deleted_at, vm.folder.name, vm.notes) == (None, "archive", "moved")
    assert list(VirtualDisk.objects.filter(vm=vm).values_list("pk", flat=True)) == disks
    assert left(lab, document) == []


def test_a_file_of_one_datacenter_says_nothing_of_the_others(lab):
    other = builders.make_datacenter(lab.vcenter, "Other")
    document = describe.of(lab.vcenter, other)
    planned = exchange.plan(lab.people.student, lab.vcenter, document)
    assert planned
    assert not any(one.able for one in planned)


def test_every_step_asks_for_the_right_that_a_click_needs(lab):
    """Whoever manages the vCenter and may edit its machines still fills no datastore that is closed to him."""
    role = Role.objects.create(
        vcenter=lab.vcenter, name="Keeper",
        privileges=["System.Read", "Lab.Manage", "VirtualMachine.Inventory.Create", "VirtualMachine.Config.AddNewDisk",
                    "VirtualMachine.Config.EditDevice", "Resource.AssignVMToPool"],
    )  # fmt: skip
    cast.grant(lab.people.outsider, lab.vcenter, role)
    for key, new in (("disks", {"datastore": lab.datastore.name}), ("nics", {"network": lab.network.name})):
        document = describe.of(lab.vcenter)
        machine(document, off(lab)).setdefault(key, []).append(new)
        if key == "nics":
            VirtualNic.objects.filter(vm=off(lab)).delete()
        with pytest.raises(faults.NoPermission):
            apply(lab, document, user=lab.people.outsider)
    document = describe.of(lab.vcenter)
    machines(document).append({
        "name": "fresh", "host": lab.hosts[0].name, "disks": [{"datastore": lab.datastore.name}],
    })  # fmt: skip
    with pytest.raises(faults.NoPermission):
        apply(lab, document, user=lab.people.outsider)
    assert not Task.objects.filter(vcenter=lab.vcenter).exists()


ODD = {
    "no such host": {"host": "nowhere"}, "no host": {"host": None}, "text for a number": {"vcpus": "two"},
    "a list for a text": {"guest_id": ["x"]}, "no such pool": {"pool": ["nowhere"]},
    "no such datastore": {"disks": [{"datastore": "nowhere"}]}, "a disk of nothing": {"disks": [{}]},
    "a number out of range": {"disks": [{"datastore": "shared", "key": 1}]},
    "a size in words": {"disks": [{"datastore": "shared", "capacity_bytes": "big"}]},
    "a label that is none": {"disks": [{"datastore": "shared", "label": "x" * 41}]},
    "no such network": {"nics": [{"network": "nowhere"}]}, "no address": {"nics": [{"mac": "me"}]},
    "an adapter too long": {"nics": [{"adapter": "x" * 13}]}, "a name too long": {"name": "x" * 81},
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_machine_that_makes_no_sense_is_refused_whole(lab, odd):
    document = describe.of(lab.vcenter)
    lab.datastore.name = "shared"
    lab.datastore.save()
    document = describe.of(lab.vcenter)
    machines(document).append({"name": "odd", "host": lab.hosts[0].name} | copy.deepcopy(odd))
    count = VirtualMachine.everything.count()
    with pytest.raises(faults.MethodFault):
        apply(lab, document)
    assert VirtualMachine.everything.count() == count


def test_two_devices_of_one_number_are_a_problem_of_the_file(lab):
    document = describe.of(lab.vcenter)
    told = machine(document, lab.vms[0])
    told["disks"] = [told["disks"][0], {**told["disks"][0], "key": 2000}]
    with pytest.raises(build.Refused):
        build.build(document)


# --- alarm definitions -----------------------------------------------------------------------------------------------
@pytest.fixture
def alarmed(lab):
    """Own definitions on the vCenter, a cluster and a machine."""
    user = lab.people.student
    alarms.define(user, lab.vcenter, target_kind="HostSystem", name="hosts are hot", rules=HOT,
                  actions=[{"kind": "email", "on": ["red"], "to": ["a@example.org"]}])  # fmt: skip
    alarms.define(user, lab.cluster, target_kind="VirtualMachine", name="machines are hot", rules=HOT, enabled=False)
    alarms.define(user, lab.vms[0], target_kind="VirtualMachine", name="this one", rules=HOT, description="mine")
    return lab


def test_own_alarm_definitions_go_out_and_in_again(alarmed):
    document = describe.of(alarmed.vcenter)
    assert document["alarms"][0]["name"] == "hosts are hot"
    assert "user" not in document["alarms"][0]["actions"][0]
    made = build.build(safe.load(safe.dump(document).encode()), owner=alarmed.people.teacher).vcenter
    assert describe.of(made) == {**document, "name": made.name}
    one = AlarmDefinition.objects.get(vcenter=made, name="hosts are hot")
    assert (one.entity, one.actions[0]["user"]) == (made.moref, alarmed.people.teacher.pk)
    assert VirtualMachine.objects.get(
        vcenter=made, moref=AlarmDefinition.objects.get(vcenter=made, name="this one").entity
    ).name == alarmed.vms[0].name  # fmt: skip


def test_definitions_that_are_default_are_not_told(lab):
    AlarmDefinition.objects.create(
        vcenter=lab.vcenter, moref="alarm-1", name="of the house", system_name="alarm.X", entity=lab.vcenter.moref,
        target_kind="HostSystem", rules=HOT,
    )  # fmt: skip
    assert "alarms" not in describe.of(lab.vcenter)


@pytest.mark.parametrize("odd", [
    {"rules": []}, {"rules": "hot"}, {"target_kind": "Network"}, {"actions": [{"kind": "?"}]}, {"enabled": 3},
    {"rules": [{"conditions": [{"type": "metric", "counter": []}]}]}, {"name": ""}, {"surprise": 1},
    {"actions": [{"kind": "webhook", "on": ["red"], "url": "http://169.254.169.254/"}]},
])  # fmt: skip
def test_a_definition_that_makes_no_sense_is_a_problem_of_the_file(alarmed, odd):
    document = describe.of(alarmed.vcenter)
    document["alarms"][0] |= odd
    with pytest.raises(build.Refused) as refused:
        build.build(document)
    assert any(problem.where.startswith("alarms[1]") for problem in refused.value.problems)
    document = describe.of(alarmed.vcenter)
    changed = {**document["alarms"][0], **odd}
    if "surprise" not in odd and odd.get("name") is None:
        with pytest.raises(faults.MethodFault):
            apply(alarmed, {**document, "alarms": [{**changed, "name": "new"}]})


def test_alarm_definitions_come_change_move_and_go(alarmed):
    lab = alarmed
    before = describe.of(lab.vcenter)
    document = copy.deepcopy(before)
    document["alarms"][0]["rules"][0]["conditions"][0]["yellow"] = 5000
    cluster = next(one for one in document["datacenters"][0]["clusters"] if "alarms" in one)
    document["datacenters"][0]["alarms"] = cluster.pop("alarms")  # moved up
    machine(document, lab.vms[0])["alarms"] = [{"name": "another", "target_kind": "VirtualMachine", "rules": HOT}]
    assert all(able for _one, able in exchange.differences(lab.people.student, lab.vcenter, document))
    apply(lab, document)
    assert left(lab, document) == []
    assert AlarmDefinition.objects.get(vcenter=lab.vcenter, name="machines are hot").entity == lab.datacenter.moref
    apply(lab, before)
    assert left(lab, before) == []


# --- the page --------------------------------------------------------------------------------------------------------
def test_the_page_shows_each_step_asks_for_ticks_and_warns_of_what_would_be_refused(lab, client):
    from tests.apps.exchange.test_pages import file

    client.force_login(lab.people.student)
    url = f"/vc/{lab.vcenter.uuid}/compare/"
    vm = off(lab)
    document = describe.of(lab.vcenter)
    machines(document).remove(machine(document, vm))
    page = client.post(url, file(safe.dump(document)))
    assert (page.context["able"], [tick[0] for tick in page.context["ticks"]]) == (0, ["machines"])
    page = client.post(url, {"token": page.context["token"]})
    assert VirtualMachine.objects.filter(pk=vm.pk).exists()
    client.post(url, {"token": page.context["token"], "tick": ["machines"]})
    assert not VirtualMachine.objects.filter(pk=vm.pk).exists()
    document = describe.of(lab.vcenter)
    machines(document).append({"name": "odd", "host": "nowhere"})
    page = client.post(url, file(safe.dump(document)))
    assert "nowhere" in page.context["refusals"][0]
    assert not VirtualMachine.objects.filter(name="odd").exists()
