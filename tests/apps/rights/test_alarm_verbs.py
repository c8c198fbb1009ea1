"""Acknowledging and resetting triggered alarms."""

from __future__ import annotations

import pytest

from domain import faults
from inventory.models import AlarmDefinition, AuditEntry, Event, TriggeredAlarm, VirtualMachine
from inventory.services import alarms
from tests.builders import SmallLab
from tests.cast import Cast


def triggered(lab: SmallLab, name: str, status: str) -> TriggeredAlarm:
    definition = AlarmDefinition.objects.create(
        vcenter=lab.vcenter, moref=f"alarm-{name}", name=name, entity="group-d1", target_kind="VirtualMachine"
    )
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(overall_status=status)
    about = {"entity": lab.vm.moref, "entity_kind": "VirtualMachine", "entity_name": lab.vm.name}
    return TriggeredAlarm.objects.create(
        definition=definition, vcenter=lab.vcenter, status=status, triggered_lab_s=1.0, **about
    )


def status_of(lab: SmallLab) -> str:
    return VirtualMachine.objects.get(pk=lab.vm.pk).overall_status


def test_the_first_to_acknowledge_is_kept(cast: Cast, lab: SmallLab) -> None:
    alarm = triggered(lab, "1", "red")
    alarms.acknowledge(cast.student, alarm)
    alarms.acknowledge(cast.teacher, alarm)
    assert TriggeredAlarm.objects.get().acknowledged_by == "student"
    assert Event.objects.filter(type="AlarmAcknowledgedEvent", entity=lab.vm.moref).count() == 1
    assert AuditEntry.objects.count() == 1


def test_reset_leaves_the_status_of_the_other_alarms(cast: Cast, lab: SmallLab) -> None:
    yellow, red = triggered(lab, "1", "yellow"), triggered(lab, "2", "red")
    alarms.reset(cast.student, red)
    assert status_of(lab) == "yellow"
    alarms.reset(cast.student, yellow)
    assert status_of(lab) == "green"
    assert not TriggeredAlarm.objects.exists()


def test_a_reader_changes_nothing(cast: Cast, lab: SmallLab) -> None:
    alarm = triggered(lab, "1", "red")
    for verb in (alarms.acknowledge, alarms.reset):
        with pytest.raises(faults.NoPermission):
            verb(cast.reader, alarm)
    assert not TriggeredAlarm.objects.get().acknowledged
