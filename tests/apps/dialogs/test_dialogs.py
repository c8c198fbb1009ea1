"""Dialogs and wizards: bad input gets a sentence and a typed fault, and nothing that was typed is lost."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.morefs import FolderKind
from domain.states import VmPower
from inventory.forms.fields import GIB, TIB, SizeField
from inventory.models import (
    Cluster,
    CustomAttribute,
    Datacenter,
    Datastore,
    Folder,
    Host,
    Network,
    Permission,
    ResourcePool,
    Tag,
    TagAssignment,
    TagCategory,
    Task,
    VirtualMachine,
)
from tests.builders import make_cluster, make_vm
from tests.dialogs import Walk, address, opened, typed

pytestmark = pytest.mark.django_db
LONG = "x" * (LIMITS.name_length + 1)


# --- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["", "   ", LONG, "a\x00b"])
def test_a_bad_name_is_refused_and_stays_in_its_field(lab, owner, name):
    answer = owner.post(address(lab, lab.vm, "rename"), {"name": name})
    assert answer.status_code == 422
    assert "dialog-faults" in answer.content.decode()
    if "\x00" not in name:
        assert typed(answer.content.decode())["name"].strip() == name.strip()
    assert not Task.objects.exists()


def test_a_duplicate_name_is_a_typed_fault_at_its_field(lab, owner):
    make_vm(lab.host, "taken", folder=lab.vm_folder)
    answer = owner.post(address(lab, lab.vm, "rename"), {"name": "taken"})
    assert (answer.status_code, answer["X-Fault"]) == (422, "DuplicateName")
    page = answer.content.decode()
    assert page.count("is already used here") == 2  # in the bar and at the field
    assert typed(page)["name"] == "taken"


@limits(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=90))
def test_any_text_is_renamed_to_or_given_back(lab, owner, name):
    answer = owner.post(address(lab, lab.vms[1], "rename"), {"name": name})
    now = VirtualMachine.objects.get(pk=lab.vms[1].pk).name
    if answer.status_code == 202:
        assert now == name.strip()
    else:
        assert answer.status_code == 422
        assert typed(answer.content.decode())["name"] == name


# --- who -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("who", "status"), [("student", 200), ("operator", 200), ("reader", 403), ("outsider", 404)])
def test_who_opens_a_dialog(lab, cast, client: Client, who, status):
    client.force_login(getattr(cast, who))
    assert client.get(address(lab, lab.vm, "rename")).status_code == status


def test_an_ended_session_is_told_without_taking_the_form_away(lab, client: Client):
    url = address(lab, lab.vm, "rename")
    answer = client.post(url, {"name": "new"}, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 401
    assert answer["X-Login"]


def test_a_foreign_page_cannot_send_a_dialog(lab, cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.student)
    assert client.post(address(lab, lab.vm, "rename"), {"name": "new"}).status_code == 403


def test_a_dialog_that_does_not_apply_says_why(lab, owner):
    answer = owner.get(address(lab, lab.vm, "delete-from-disk"))
    assert (answer.status_code, answer["X-Fault"]) == (409, "InvalidState")
    assert "Power it off first" in answer.content.decode()


@pytest.mark.parametrize("name", ["nonsense", "host-reboot", "new-cluster"])
def test_a_dialog_of_another_kind_of_object_is_not_found(lab, owner, name):
    assert owner.get(address(lab, lab.vm, name)).status_code == 404


# --- questions -------------------------------------------------------------------------------------------------------
def test_deleting_asks_with_what_will_be_lost_and_then_does_it(lab, owner):
    vm = lab.vms[1]
    page = owner.get(address(lab, vm, "delete-from-disk")).content.decode()
    assert "1 hard disk with" in page
    assert owner.post(address(lab, vm, "delete-from-disk")).status_code == 202
    assert Task.objects.filter(entity=vm.moref).exists()


def test_deleting_a_cluster_lists_what_is_in_it(lab, owner):
    url = address(lab, lab.cluster, "delete")
    assert "in maintenance mode or disconnect them first" in owner.get(url).content.decode()
    Host.objects.filter(cluster=lab.cluster).update(in_maintenance=True)
    VirtualMachine.objects.update(power_state=VmPower.OFF)
    page = owner.get(url).content.decode()
    assert "2 hosts" in page
    assert "1 resource pool" in page
    assert lab.vms[0].name in page
    assert "so they do not come back" in page  # the standalone host mounts none of their datastores


# --- two people ------------------------------------------------------------------------------------------------------
def test_two_people_editing_notes_see_both_versions_and_can_save(lab, cast, owner):
    url = address(lab, lab.vm, "edit-notes")
    mine = opened(owner, url)
    theirs = Client()
    theirs.force_login(cast.operator)
    assert theirs.post(url, {**opened(theirs, url), "notes": "theirs"}).status_code == 202
    answer = owner.post(url, {**mine, "notes": "mine"})
    page = answer.content.decode()
    assert (answer.status_code, answer["X-Fault"]) == (422, "ConcurrentAccess")
    assert "Yours" in page
    assert re.search(r"<td>mine</td>\s*<td>theirs</td>", page)
    again = typed(page)
    assert again["notes"] == "mine"
    assert owner.post(url, again).status_code == 202
    assert VirtualMachine.objects.get(pk=lab.vm.pk).notes == "mine"


def test_changes_of_different_settings_are_merged(lab, owner):
    """What only the other changed is taken over; what only I changed stays."""
    url, vm = address(lab, lab.vms[1], "edit-settings"), lab.vms[1]
    mine = opened(owner, url)
    VirtualMachine.objects.filter(pk=vm.pk).update(boot_delay_ms=500, change_version=vm.change_version + 1)
    answer = owner.post(url, {**mine, "vcpus": "2"})
    assert answer["X-Fault"] == "ConcurrentAccess"
    again = typed(answer.content.decode())
    assert (again["vcpus"], again["boot_delay_ms"]) == ("2", "500")


# --- the other dialogs -----------------------------------------------------------------------------------------------
def test_containers_are_made_where_they_were_asked_for(lab, owner):
    owner.post(address(lab, lab.vcenter, "new-datacenter"), {"name": "Second"})
    assert Datacenter.objects.filter(name="Second").exists()
    owner.post(address(lab, lab.datacenter, "new-folder") + "?kind=vm", {"name": "Tests"})
    assert Folder.objects.get(name="Tests").folder_kind == FolderKind.VM
    url = address(lab, lab.cluster, "new-pool")
    assert owner.post(url, {**opened(owner, url), "name": "Gold", "cpu_shares_level": "high"}).status_code == 202
    assert ResourcePool.objects.get(name="Gold").cpu_shares == 8000


def test_a_pool_whose_limit_is_below_its_reservation_is_refused(lab, owner):
    url = address(lab, lab.cluster, "new-pool")
    data = {**opened(owner, url), "name": "Gold", "cpu_reservation_mhz": "1000", "cpu_limit_mhz": "500"}
    answer = owner.post(url, data)
    assert answer.status_code == 422
    assert typed(answer.content.decode())["cpu_reservation_mhz"] == "1000"


def test_a_pool_cannot_guarantee_more_than_there_is(lab, owner):
    url = address(lab, lab.pool, "edit-pool")
    answer = owner.post(url, {**opened(owner, url), "cpu_reservation_mhz": "99999999"})
    assert (answer.status_code, answer["X-Fault"]) == (422, "InsufficientCpuResourcesFault")


def test_moves_take_an_object_elsewhere(lab, owner):
    vm = lab.vms[1]
    assert owner.post(address(lab, vm, "move-to-folder"), {"folder": lab.vm_folder.moref}).status_code == 202
    assert owner.post(address(lab, vm, "move-to-pool"), {"pool": lab.pool.moref}).status_code == 202
    vm.refresh_from_db()
    assert (vm.folder, vm.pool) == (lab.vm_folder, lab.pool)


def test_a_move_to_another_cluster_is_refused_in_words(lab, owner):
    other = make_cluster(lab.datacenter, "Other", hosts=1)
    answer = owner.post(address(lab, lab.vms[1], "move-to-pool"), {"pool": other.moref})
    assert (answer.status_code, answer["X-Fault"]) == (422, "InvalidArgument")


def test_a_cluster_comes_out_of_its_wizard(lab, owner):
    walk = Walk(owner, address(lab, lab.datacenter, "new-cluster"))
    walk.send(name="Second", drs_enabled="on").send(drs_automation="manual", drs_threshold="2").send("finish")
    assert walk.answer.status_code == 202
    made = Cluster.objects.get(name="Second")
    assert (made.drs_enabled, made.drs_automation, made.drs_threshold) == (True, "manual", 2)


def test_a_hosted_hypervisor_comes_out_of_its_wizard(lab, owner):
    walk = Walk(owner, address(lab, lab.cluster, "add-host"))
    assert walk.send(name=lab.host.name).step == "name"
    walk.send(name="desk-01.lab.local").send(kind="hosted").send(model="desktop-8c").send("finish")
    assert walk.answer.status_code == 202, walk.page
    made = Host.objects.get(name="desk-01.lab.local")
    assert (made.host_kind, made.cores, made.cluster) == ("hosted", 8, lab.cluster)


def test_a_datastore_and_a_port_group_on_chosen_hosts(lab, owner):
    url = address(lab, lab.datacenter, "new-datastore")
    data = {**opened(owner, url), "name": "fast", "capacity_0": "2", "capacity_1": "TB", "hosts": [lab.host.moref]}
    assert owner.post(url, data).status_code == 202
    assert list(Datastore.objects.get(name="fast").hosts.all()) == [lab.host]
    url = address(lab, lab.datacenter, "new-network")
    assert owner.post(url, {"name": "DMZ", "vlan": "4096", "hosts": [lab.host.moref]}).status_code == 422
    assert owner.post(url, {"name": "DMZ", "vlan": "20", "hosts": [lab.host.moref]}).status_code == 202
    assert Network.objects.get(name="DMZ").vlan == 20


def test_tags_and_attributes(lab, owner):
    category = TagCategory.objects.create(vcenter=lab.vcenter, name="Stage")
    tag = Tag.objects.create(category=category, name="production")
    assert owner.post(address(lab, lab.vm, "assign-tag"), {"tags": [str(tag.pk)]}).status_code == 202
    assert TagAssignment.objects.get().entity == lab.vm.moref
    assert owner.post(address(lab, lab.vm, "remove-tag"), {"tags": [str(tag.pk)]}).status_code == 202
    assert not TagAssignment.objects.exists()
    attribute = CustomAttribute.objects.create(vcenter=lab.vcenter, name="Owner")
    owner.post(address(lab, lab.vm, "custom-attributes"), {f"value-{attribute.pk}": "payroll"})
    assert attribute.values.get().value == "payroll"


def test_a_permission_needs_somebody_who_exists(lab, cast, owner):
    url = address(lab, lab.vm, "add-permission")
    data = opened(owner, url)
    answer = owner.post(url, {**data, "principal": "nobody-here"})
    assert answer.status_code == 422
    assert typed(answer.content.decode())["principal"] == "nobody-here"
    assert owner.post(url, {**data, "principal": "outsider"}).status_code == 202
    assert Permission.objects.filter(user=cast.outsider, entity=lab.vm.moref).exists()


def test_shutting_a_host_down_needs_a_reason(lab, owner):
    answer = owner.post(address(lab, lab.host, "host-shut-down"), {"reason": ""})
    assert answer.status_code == 422
    answer = owner.post(address(lab, lab.host, "host-shut-down"), {"reason": "new memory"})
    assert answer.status_code == 422  # not in maintenance mode, and not forced
    assert typed(answer.content.decode())["reason"] == "new memory"


def test_a_snapshot_of_a_machine_that_is_off_has_no_memory(lab, owner):
    url = address(lab, lab.vms[1], "take-snapshot")
    assert owner.post(url, {"name": "before", "memory": "on"}).status_code == 202
    assert not lab.vms[1].snapshots.get().with_memory


# --- pickers and sizes -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("who", "status"), [("student", 200), ("reader", 200), ("outsider", 404)])
def test_who_opens_a_branch(lab, cast, client: Client, who, status):
    client.force_login(getattr(cast, who))
    url = reverse("inventory:pick", args=(lab.vcenter.uuid, "compute"))
    assert client.get(url, {"node": lab.datacenter.moref, "field": "compute-place"}).status_code == status


@pytest.mark.parametrize("query", [{"node": "x", "field": "a"}, {"node": "host-9", "field": '"><script>'}, {}])
def test_a_forged_branch_is_not_found(lab, owner, query):
    assert owner.get(reverse("inventory:pick", args=(lab.vcenter.uuid, "compute")), query).status_code == 404


@given(st.integers(1, 62 * TIB // GIB))
def test_a_size_survives_being_drawn_and_sent(gigabytes):
    field = SizeField(most=LIMITS.disk_bytes)
    number, unit = field.widget.decompress(gigabytes * GIB)
    assert field.clean([str(number), unit]) == gigabytes * GIB


def test_the_power_state_decides_at_the_moment_of_sending(lab, owner):
    url = address(lab, lab.vms[1], "delete-from-disk")
    assert owner.get(url).status_code == 200
    VirtualMachine.objects.filter(pk=lab.vms[1].pk).update(power_state=VmPower.ON)
    answer = owner.post(url)
    assert answer.status_code == 409
