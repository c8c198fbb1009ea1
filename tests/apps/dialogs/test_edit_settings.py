"""Edit Settings: hardware within its limits, and only what was changed is asked for."""

from __future__ import annotations

import re

import pytest

from domain.limits import DEFAULT_LIMITS as LIMITS
from inventory.models import (
    Task,
    VirtualMachine,
)
from tests.dialogs import address, opened, typed

pytestmark = pytest.mark.django_db


def settings_url(lab) -> str:
    return address(lab, lab.vms[1], "edit-settings")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vcpus", "0"), ("vcpus", str(LIMITS.vcpus_per_vm + 1)), ("vcpus", "-1"), ("vcpus", "many"),
        ("memory_0", "-4"), ("memory_0", "999999999"), ("cpu_reservation_mhz", "-1"),
        ("memory_reservation_mib", "99999999"), ("boot_delay_ms", "10001"), ("disks-2000-capacity_0", "1"),
        ("disks-2000-capacity_0", "99999999"), ("nics-4000-network", "network-99999"), ("firmware", "coreboot"),
    ],
)  # fmt: skip
def test_hardware_beyond_its_limits_is_refused_and_stays_typed(lab, owner, field, value):
    data = opened(owner, settings_url(lab)) | {field: value}
    answer = owner.post(settings_url(lab), data)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "field-error" in page
    if not field.startswith(("nics", "firmware")):  # a select can only show what it offers
        assert typed(page)[field] == value
    assert not Task.objects.exists()


def test_a_limit_below_its_reservation_is_refused(lab, owner):
    data = opened(owner, settings_url(lab)) | {"cpu_reservation_mhz": "500", "cpu_limit_mhz": "400"}
    answer = owner.post(settings_url(lab), data)
    assert answer.status_code == 422
    assert "below the reservation" in answer.content.decode()


def test_a_form_sent_as_it_was_opened_changes_nothing(lab, owner):
    assert owner.post(settings_url(lab), opened(owner, settings_url(lab))).status_code == 202
    assert not Task.objects.exists()


def test_only_what_was_changed_is_asked_for(lab, owner):
    data = opened(owner, settings_url(lab)) | {"memory_0": "3", "memory_1": "GB"}
    assert owner.post(settings_url(lab), data).status_code == 202
    task = Task.objects.get()
    assert task.entity == lab.vms[1].moref
    assert "reconfigure" in task.description_id.lower()


def test_devices_come_and_go_without_losing_what_was_typed(lab, owner):
    data = opened(owner, settings_url(lab)) | {"vcpus": "4"}
    page = owner.post(settings_url(lab), {**data, "go": "add-disks"}).content.decode()
    more = typed(page)
    assert more["vcpus"] == "4"
    assert more["disks"] == "2000 new1"
    assert more["disks-new1-capacity_0"] == "16"
    less = typed(owner.post(settings_url(lab), {**more, "go": "remove-disks-2000"}).content.decode())
    assert less["disks"] == "new1"


def test_a_running_vm_greys_what_needs_it_off(lab, owner):
    page = owner.get(address(lab, lab.vm, "edit-settings")).content.decode()
    assert re.search(r'<input[^>]*name="vcpus"[^>]*disabled', page)
    assert "CPU hot add is off" in page
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(cpu_hot_add=True)
    page = owner.get(address(lab, lab.vm, "edit-settings")).content.decode()
    assert not re.search(r'<input[^>]*name="vcpus"[^>]*disabled', page)


def asked(lab, owner, **typed_in) -> dict:
    """The changes that a form with these values asks for."""
    data = opened(owner, settings_url(lab)) | typed_in
    answer = owner.post(settings_url(lab), data)
    assert answer.status_code == 202, answer.content.decode()
    return Task.objects.get().args["changes"]


def test_every_hot_plug_flag_and_the_notes_can_be_set(lab, owner):
    flags = {"cpu_hot_add": "on", "cpu_hot_remove": "on", "memory_hot_add": "on"}
    found = asked(lab, owner, notes="payroll,\r\nask Kim first", **flags)
    assert {k: found[k] for k in flags} == dict.fromkeys(flags, True)
    assert found["notes"].split() == ["payroll,", "ask", "Kim", "first"]


def test_notes_that_nobody_touched_are_not_asked_for(lab, owner):
    VirtualMachine.objects.filter(pk=lab.vms[1].pk).update(notes="two\nlines\n")
    assert owner.post(settings_url(lab), opened(owner, settings_url(lab))).status_code == 202
    assert not Task.objects.exists()


def test_guest_tools_can_be_left_out(lab, owner):
    data = opened(owner, settings_url(lab))
    del data["tools_installed"]
    assert owner.post(settings_url(lab), data).status_code == 202
    assert Task.objects.get().args["changes"]["tools_installed"] is False


def test_a_drive_reads_an_image_a_client_or_the_host(lab, owner):
    store = lab.datastore.moref
    found = asked(lab, owner, cd_datastore=store, cd_path="iso/debian.iso", cd_connected="on")
    assert (found["cd_datastore"], found["cd_path"], found["cd_connected"]) == (store, "iso/debian.iso", True)
    Task.objects.all().delete()
    assert asked(lab, owner, cd_connected="on") == {"cd_path": "[client]", "cd_connected": True}
    Task.objects.all().delete()
    assert asked(lab, owner, cd_datastore="[host]") == {"cd_path": "[host]"}


def test_a_drive_on_a_datastore_says_which_image(lab, owner):
    answer = owner.post(settings_url(lab), opened(owner, settings_url(lab)) | {"cd_datastore": lab.datastore.moref})
    assert answer.status_code == 422
    assert "which image file" in answer.content.decode()


def test_what_the_drive_reads_is_shown_when_the_form_opens_again(lab, owner):
    VirtualMachine.objects.filter(pk=lab.vms[1].pk).update(cd_path="[host]", cd_connected=True)
    assert opened(owner, settings_url(lab))["cd_datastore"] == "[host]"
    VirtualMachine.objects.filter(pk=lab.vms[1].pk).update(cd_path="a.iso", cd_datastore=lab.datastore)
    shown = opened(owner, settings_url(lab))
    assert (shown["cd_datastore"], shown["cd_path"]) == (lab.datastore.moref, "a.iso")


def test_memory_that_is_no_multiple_of_4_mb_is_not_changed_silently(lab, owner):
    data = opened(owner, settings_url(lab)) | {"memory_0": "1023", "memory_1": "MB"}
    answer = owner.post(settings_url(lab), data)
    assert answer.status_code == 422
    assert "multiple of 4 MB" in answer.content.decode()


def test_a_new_disk_may_be_independent_and_an_adapter_wait_unconnected(lab, owner):
    data = opened(owner, settings_url(lab)) | {"go": "add-disks"}
    offered = typed(owner.post(settings_url(lab), data).content.decode())
    offered |= {"disks-new1-mode": "independent"}
    del offered["nics-4000-start_connected"]
    assert owner.post(settings_url(lab), offered).status_code == 202
    changes = Task.objects.get().args["changes"]
    assert changes["disks"]["add"][0]["independent"] is True
    assert changes["nics"]["edit"] == {"4000": {"start_connected": False}}


@pytest.mark.parametrize(
    ("text", "said"),
    [("0,x", "Write numbers and ranges"), ("3-1", "Write numbers and ranges"), ("0", "fewer processors")],
)
def test_an_affinity_that_is_none_is_refused_and_stays_typed(lab, owner, text, said):
    data = opened(owner, settings_url(lab)) | {"vcpus": "2", "cpu_affinity": text}
    answer = owner.post(settings_url(lab), data)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert typed(answer.content.decode())["cpu_affinity"] == text


def test_what_binds_a_machine_to_its_host_is_set_and_shown(lab, owner):
    vm = lab.vms[1]
    data = opened(owner, settings_url(lab)) | {"cpu_affinity": "0,2-3", "passthrough": "usb"}
    assert owner.post(settings_url(lab), data).status_code == 202
    assert Task.objects.get().args["changes"] == {"cpu_affinity": "0,2-3", "passthrough": "usb"}
    VirtualMachine.objects.filter(pk=vm.pk).update(cpu_affinity="0,2-3", bus_sharing="physicalSharing")
    page = owner.get(f"/vc/{lab.vcenter.uuid}/{vm.moref}/configure/general/").content.decode()
    assert "0,2-3" in page
    assert "Physical: with machines of any host" in page


def test_a_pci_device_needs_all_memory_reserved(lab, owner):
    data = opened(owner, settings_url(lab)) | {"passthrough": "pci"}
    answer = owner.post(settings_url(lab), data)
    assert answer.status_code == 422
    assert "needs all memory" in answer.content.decode()
    memory = str(lab.vms[1].memory_mib)
    data |= {"memory_reservation_mib": memory}
    assert owner.post(settings_url(lab), data).status_code == 202
