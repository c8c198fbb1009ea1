"""The wizard that makes virtual machines: every step is checked, nothing that was typed is lost."""

from __future__ import annotations

import pytest

from inventory.models import (
    Host,
    Task,
    VirtualMachine,
)
from tests.builders import make_vm
from tests.dialogs import Walk, address, typed

pytestmark = pytest.mark.django_db


@pytest.fixture
def wizard(lab, owner) -> Walk:
    return Walk(owner, address(lab, lab.cluster, "new-vm"))


def to_hardware(walk: Walk, lab, name: str = "app-01") -> Walk:
    walk.send().send(name=name, folder=lab.datacenter.moref).send(place=lab.cluster.moref)
    return walk.send(datastore=lab.datastore.moref).send().send(guest_id="debian12_64Guest")


def test_the_eight_steps_in_their_order(lab, wizard):
    seen = [wizard.step]
    for values in ({}, {"name": "app-01"}, {}, {}, {}, {}, {}):
        seen.append(wizard.send(**values).step)
    assert seen == ["type", "name", "compute", "storage", "compatibility", "guest", "hardware", "ready"]
    assert "app-01" in wizard.page


def test_a_virtual_machine_comes_out_of_it(lab, wizard):
    to_hardware(wizard, lab).send(vcpus="2", memory_0="3", memory_1="GB").send("finish")
    assert wizard.answer.status_code == 202
    vm = VirtualMachine.objects.get(name="app-01")
    assert (vm.vcpus, vm.memory_mib, vm.guest_id) == (2, 3072, "debian12_64Guest")
    assert vm.disks.get().datastore == lab.datastore
    assert vm.nics.get().network == lab.network
    assert vm.folder.datacenter == lab.datacenter


def test_a_step_that_is_not_valid_does_not_let_through(lab, wizard):
    wizard.send()
    assert wizard.send(name="").answer.status_code == 422
    assert wizard.step == "name"
    assert wizard.send(name=lab.vms[1].name, folder=lab.datacenter.moref).step == "name"
    assert "already used" in wizard.page
    assert wizard.send(name="free", folder="group-v999").step == "name"
    assert wizard.send(name="free", folder=lab.datacenter.moref).step == "compute"


def test_going_back_keeps_what_later_steps_hold(lab, wizard):
    to_hardware(wizard, lab).send("add-disks").send("back", vcpus="8")
    assert wizard.step == "guest"
    wizard.send("step:name").send(name="renamed")
    assert wizard.step == "compute"
    wizard.send("step:hardware")
    assert wizard.step == "hardware"
    kept = typed(wizard.page)
    assert kept["hardware-vcpus"] == "8"
    assert kept["hardware-disks"] == "new1 new2"
    assert kept["name-name"] == "renamed"


def test_a_host_that_cannot_run_anything_is_refused_with_the_reason(lab, wizard):
    Host.objects.update(in_maintenance=True)
    wizard.send().send(name="app-01")
    assert wizard.send(place=lab.host.moref).step == "compute"
    assert "Maintenance mode" in wizard.page
    assert wizard.send("refresh", place=lab.cluster.moref).answer.status_code == 200
    assert "No host of the cluster" in wizard.page


def test_what_happens_meanwhile_is_found_at_the_end_and_nothing_is_lost(lab, wizard):
    to_hardware(wizard, lab).send(vcpus="2")
    make_vm(lab.host, "app-01")
    wizard.send("finish")
    assert wizard.answer.status_code == 422
    assert wizard.step == "name"
    assert typed(wizard.page)["hardware-vcpus"] == "2"
    wizard.send(name="app-02").send("step:ready").send("finish")
    assert wizard.answer.status_code == 202
    assert VirtualMachine.objects.filter(name="app-02").exists()


def test_forged_steps_do_not_skip_checks(lab, owner):
    url = address(lab, lab.cluster, "new-vm")
    answer = owner.post(url, {"at": "ready", "go": "finish", "seen": "type name compute storage", "type-type": "new"})
    assert answer.status_code == 422
    assert not Task.objects.exists()


@pytest.mark.parametrize("kind", ["deploy", "clone", "to-template", "copy-template"])
def test_copies_come_out_of_the_same_wizard(lab, wizard, kind):
    source = lab.template if kind in ("deploy", "copy-template") else lab.vms[1]
    wizard.send(type=kind).send(vm=source.moref).send(name="copy", folder=lab.datacenter.moref)
    while wizard.step != "ready":
        step = wizard.step
        assert wizard.send().step != step, wizard.page
    assert wizard.send("finish").answer.status_code == 202, wizard.answer["X-Fault"] + wizard.page
    assert VirtualMachine.objects.filter(name="copy").exists()


def test_a_wizard_step_asks_a_constant_number_of_questions(lab, owner, django_assert_max_num_queries):
    walk = to_hardware(Walk(owner, address(lab, lab.cluster, "new-vm")), lab)
    data = {**typed(walk.page), "go": "next"}
    with django_assert_max_num_queries(60):
        owner.post(walk.url, data)


def test_the_wizard_gives_the_machine_all_that_was_chosen(lab, wizard):
    chosen = {
        "cd_datastore": lab.datastore.moref, "cd_path": "iso/setup.iso", "cd_connected": "on", "notes": "for Kim",
        "cpu_hot_remove": "on", "boot_delay_ms": "500", "disks-new1-mode": "independent",
    }  # fmt: skip
    to_hardware(wizard, lab).send(**chosen).send("finish")
    vm = VirtualMachine.objects.get(name="app-01")
    assert (vm.cd_datastore, vm.cd_path, vm.cd_connected) == (lab.datastore, "iso/setup.iso", True)
    assert (vm.notes, vm.cpu_hot_remove, vm.boot_delay_ms) == ("for Kim", True, 500)
    assert vm.tools_installed
    assert vm.disks.get().independent
    assert vm.nics.get().start_connected
