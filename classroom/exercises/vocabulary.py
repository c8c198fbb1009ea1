"""What checks may speak of: kinds of objects with their properties, units and labels.

A property is a number (with a unit), a word, a truth or a list of names. Numbers are compared with a number or with
`{min, max}`, words with a word or a list of words, lists of names by "contains all of these".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class Form(StrEnum):
    """How a property is compared."""

    NUMBER = "number"
    WORD = "word"
    TRUTH = "truth"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class Property:
    label: Text
    form: Form
    unit: str = ""
    words: tuple[str, ...] = ()  # allowed words; none = any


def _number(label: Text, unit: str = "") -> Property:
    return Property(label, Form.NUMBER, unit)


def _word(label: Text, *words: str) -> Property:
    return Property(label, Form.WORD, words=words)


def _truth(label: Text) -> Property:
    return Property(label, Form.TRUTH)


_ALLOCATION = {
    "cpu_reservation_mhz": _number(_("CPU reservation"), "MHz"),
    "cpu_limit_mhz": _number(_("CPU limit"), "MHz"),
    "cpu_shares": _number(_("CPU shares")),
    "cpu_shares_level": _word(_("CPU shares"), "low", "normal", "high", "custom"),
    "memory_reservation_mib": _number(_("memory reservation"), "MB"),
    "memory_limit_mib": _number(_("memory limit"), "MB"),
    "memory_shares": _number(_("memory shares")),
    "memory_shares_level": _word(_("memory shares"), "low", "normal", "high", "custom"),
}

KINDS: dict[str, dict[str, Property]] = {
    "vm": {
        **_ALLOCATION,
        "power": _word(_("power state"), "on", "off", "suspended"),
        "host": _word(_("host")),
        "host_kind": _word(_("hypervisor type"), "bareMetal", "hosted"),
        "pool": _word(_("resource pool")),
        "folder": _word(_("folder")),
        "guest": _word(_("guest OS")),
        "tools": _word(_("guest tools"), "ok", "down"),
        "vcpus": _number(_("CPUs")),
        "memory_mib": _number(_("memory"), "MB"),
        "disk_gib": _number(_("disks"), "GB"),
        "networks": Property(_("networks"), Form.NAMES),
        "datastores": Property(_("datastores"), Form.NAMES),
        "snapshots": _number(_("snapshots")),
        "snapshot_gib": _number(_("size of the snapshots"), "GB"),
        "template": _truth(_("template")),
        "drs_override": _word(_("DRS automation")),
        "ha_priority": _word(_("restart priority"), "disabled", "lowest", "low", "medium", "high", "highest"),
        "cpu_ready_pct": _number(_("CPU ready"), "%"),
        "cpu_usage_mhz": _number(_("CPU usage"), "MHz"),
        "active_mib": _number(_("active memory"), "MB"),
        "ballooned_mib": _number(_("ballooned memory"), "MB"),
        "swapped_mib": _number(_("swapped memory"), "MB"),
        "alarms": _number(_("open alarms")),
    },
    "host": {
        "connection": _word(_("connection"), "connected", "notResponding", "disconnected"),
        "power": _word(_("power state"), "on", "off", "standby", "unknown"),
        "maintenance": _truth(_("maintenance mode")),
        "kind": _word(_("hypervisor type"), "bareMetal", "hosted"),
        "vms_on": _number(_("running virtual machines")),
        "vmotion": _truth(_("vMotion")),
        "nics_down": _number(_("network adapters down")),
        "wakeable": _truth(_("last wake-up succeeded")),
        "cpu_pct": _number(_("CPU usage"), "%"),
        "memory_pct": _number(_("memory usage"), "%"),
        "watts": _number(_("power"), "W"),
        "alarms": _number(_("open alarms")),
    },
    "cluster": {
        "drs": _truth(_("vSphere DRS")),
        "automation": _word(_("automation level"), "manual", "partiallyAutomated", "fullyAutomated"),
        "threshold": _number(_("migration threshold")),
        "dpm": _truth(_("DPM")),
        "dpm_automation": _word(_("DPM automation level"), "manual", "automated"),
        "ha": _truth(_("vSphere HA")),
        "evc": _word(_("EVC mode")),
        "score": _number(_("DRS score"), "%"),
        "hosts_usable": _number(_("usable hosts")),
        "hosts_standby": _number(_("hosts in standby")),
        "violated_rules": _number(_("violated rules")),
        "conflicting_rules": _number(_("rules in conflict")),
        "recommendations": _number(_("waiting recommendations")),
        "saved_kwh": _number(_("energy saved since the start"), "kWh"),
        "drawn_kwh": _number(_("energy drawn since the start"), "kWh"),
        "alarms": _number(_("open alarms")),
    },
    "pool": {**_ALLOCATION, "vms": _number(_("virtual machines"))},
    "datastore": {
        "free_pct": _number(_("free space"), "%"),
        "free_gib": _number(_("free space"), "GB"),
        "slow": _truth(_("slow")),
        "accessible": _truth(_("accessible")),
        "alarms": _number(_("open alarms")),
    },
    "rule": {
        "kind": _word(_("type of the rule"), "affinity", "anti_affinity", "vm_host", "dependency"),
        "vms": Property(_("virtual machines"), Form.NAMES),
        "hosts": Property(_("hosts"), Form.NAMES),
        "enabled": _truth(_("enabled")),
        "mandatory": _truth(_("required")),
        "affine": _truth(_("run on the hosts of the group")),
        "violated": _truth(_("violated")),
    },
    # Things that happened since the start of the exercise, and what is open now.
    "event": {
        "type": _word(_("event")),
        "about": Property(_("concerning"), Form.NAMES),
        "reason": _word(_("reason")),
    },
    "migration": {
        "host": _word(_("destination")),
        "source": _word(_("source")),
        "cause": _word(_("cause")),
        "kind": _word(_("type of the migration"), "vmotion", "storage", "combined", "cold"),
        "downtime_ms": _number(_("downtime"), "ms"),
        "rounds": _number(_("rounds of the pre-copy")),
    },
    "alarm": {"status": _word(_("status"), "yellow", "red"), "entity": _word(_("object"))},
    "clock": {
        "elapsed_min": _number(_("time since the start"), "min"),
        "hour": _number(_("hour of the day"), "h"),
    },
}
KIND_LABELS: dict[str, Text] = {
    "vm": _("Virtual machine"),
    "host": _("Host"),
    "cluster": _("Cluster"),
    "pool": _("Resource pool"),
    "datastore": _("Datastore"),
    "rule": _("Rule"),
    "event": _("Event"),
    "migration": _("Migration"),
    "alarm": _("Alarm"),
    "clock": _("Lab clock"),
}
# Words of a property as pages call them; those of the inventory (names, guest systems) stay as they are.
WORDS: dict[str, Text] = {
    "": _("nothing"),
    "on": _("on"),
    "off": _("off"),
    "suspended": _("suspended"),
    "standby": _("standby"),
    "ok": _("running"),
    "down": _("not running"),
    "connected": _("connected"),
    "notResponding": _("not responding"),
    "disconnected": _("disconnected"),
    "bareMetal": _("bare-metal (type 1)"),
    "hosted": _("hosted (type 2)"),
    "low": _("Low"),
    "normal": _("Normal"),
    "high": _("High"),
    "custom": _("Custom"),
    "lowest": _("Lowest"),
    "medium": _("Medium"),
    "highest": _("Highest"),
    "disabled": _("Disabled"),
    "manual": _("Manual"),
    "partiallyAutomated": _("Partially Automated"),
    "fullyAutomated": _("Fully Automated"),
    "automated": _("Automatic"),
}
