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
