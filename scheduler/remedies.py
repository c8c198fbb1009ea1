"""What a person can do next about a virtual machine that cannot move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from inventory import words


def next_step(fault: Mapping[str, Any]) -> str:
    """A sentence for the fault's kind; the general one where there is none of its own."""
    steps = {
        "DrsDisabledOnVm": _("DRS is disabled for it: migrate it by hand, or change its override."),
        "VmHostAffinityRuleViolation": _("Change the rule, or power it off."),
        "RuleViolation": _("Change the rule, or power it off."),
        "CannotAccessVmDisk": _("Move its disks to shared storage first (Migrate, storage), or power it off."),
        "CannotAccessNetwork": _("Add its network to another host, or disconnect its adapter."),
        "RemoteDeviceNotSupported": _("Disconnect its CD/DVD drive."),
        "CannotAccessLocalSource": _("Disconnect its CD/DVD drive."),
        "VMotionNotConfigured": _("Enable vMotion on both hosts."),
        "VMotionNotLicensed": _("Assign a license that includes vMotion, or power it off."),
        "VMotionInterfaceIssue": _("Give the vMotion adapters of both hosts the same IP family."),
        "InsufficientHostMemoryCapacityFault": _("Free memory on another host, or lower its reservation."),
        "InsufficientHostCpuCapacityFault": _("Free CPU on another host, or lower its reservation."),
        "TaskInProgress": _("It waits for another task of this machine."),
    }
    return steps.get(str(fault.get("fault")), _("Power it off or move it by hand."))


def stuck_line(moref: str, name: str, fault: Mapping[str, Any]) -> dict[str, str]:
    """One machine that stays, why, and what to do."""
    return {"moref": moref, "name": name, "why": str(words.fault_sentence(fault)), "next": next_step(fault)}
