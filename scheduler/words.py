"""The scheduler's words: levels, thresholds, kinds of recommendations, and sentences from templates and fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from domain.faults import fill
from domain.states import IsolationResponse, ReadyCondition, VmMonitoring
from inventory import words
from inventory.retell import told

Text = str | Promise

AUTOMATION_HELP: dict[str, Text] = {
    "manual": gettext_lazy("DRS recommends where virtual machines start and move; a person applies it."),
    "partiallyAutomated": gettext_lazy(
        "Virtual machines are placed automatically when they start; moves are recommended."
    ),
    "fullyAutomated": gettext_lazy("Virtual machines are placed and moved automatically."),
}
DPM_AUTOMATION_HELP: dict[str, Text] = {
    "manual": gettext_lazy("DPM recommends which hosts to power on or off; a person applies it, moves included."),
    "automated": gettext_lazy(
        "Hosts are powered on and off automatically; off only where all their virtual machines may be moved so."
    ),
}
DRS_STOPS: dict[int, Text] = {
    1: gettext_lazy("Conservative: only what rules, maintenance mode and standby demand."),
    2: gettext_lazy("Also moves that promise a significant improvement."),
    3: gettext_lazy("Also moves that promise a good improvement. For stable workloads."),
    4: gettext_lazy("Also moves that promise a moderate improvement."),
    5: gettext_lazy("Aggressive: also moves that promise a slight improvement. Moves often."),
}
DPM_STOPS: dict[int, Text] = {
    1: gettext_lazy("Conservative: only power on what HA and the wanted capacity demand."),
    2: gettext_lazy("Also act on utilization far outside the target range."),
    3: gettext_lazy("Also act on utilization well outside the target range."),
    4: gettext_lazy("Also act on utilization moderately outside the target range."),
    5: gettext_lazy("Aggressive: also act on utilization slightly outside the target range."),
}
ENGINES: dict[str, Text] = {
    "score": gettext_lazy("VM DRS score (what each virtual machine gets)"),
    "classic": gettext_lazy("Host load balance (standard deviation, as until 6.7)"),
}
MEMORY_METRICS: dict[str, Text] = {
    "active": gettext_lazy("Active memory and a quarter of the idle"),
    "consumed": gettext_lazy("Consumed memory"),
    "assigned": gettext_lazy("Configured memory"),
}
PRIORITIES: dict[int, Text] = {
    1: gettext_lazy("1 (mandatory)"), 2: gettext_lazy("2"), 3: gettext_lazy("3"), 4: gettext_lazy("4"),
    5: gettext_lazy("5"),
}  # fmt: skip
DPM_BEHAVIORS: dict[str, Text] = {
    "default": gettext_lazy("Default (as the cluster)"),
    "disabled": gettext_lazy("Disabled"),
    "manual": gettext_lazy("Manual"),
    "automated": gettext_lazy("Automatic"),
}
ADMISSIONS: dict[str, Text] = {
    "percentage": gettext_lazy("Cluster resource percentage"),
    "slots": gettext_lazy("Slot policy"),
    "failover_hosts": gettext_lazy("Dedicated failover hosts"),
    "disabled": gettext_lazy("Disabled"),
}
ISOLATION_RESPONSES: dict[str, Text] = dict(words.choices(IsolationResponse))
VM_MONITORING: dict[str, Text] = dict(words.choices(VmMonitoring))
SENSITIVITIES: dict[str, Text] = {
    "high": gettext_lazy("High: 30 s, 3 resets an hour at most"),
    "medium": gettext_lazy("Medium: 60 s, 3 resets a day at most"),
    "low": gettext_lazy("Low: 120 s, 3 resets a week at most"),
    "custom": gettext_lazy("Custom"),
}
RESTART_PRIORITIES: dict[str, Text] = {
    "disabled": gettext_lazy("Disabled"),
    "lowest": gettext_lazy("Lowest"),
    "low": gettext_lazy("Low"),
    "medium": gettext_lazy("Medium"),
    "high": gettext_lazy("High"),
    "highest": gettext_lazy("Highest"),
}
READY_CONDITIONS: dict[str, Text] = dict(words.choices(ReadyCondition))
TRIGGERS: dict[str, Text] = {
    "cycle": gettext_lazy("Regular cycle"),
    "event": gettext_lazy("Something urgent happened"),
    "user": gettext_lazy("Run by a person"),
}
ACTIONS: dict[str, Text] = {
    "migrate": gettext_lazy("Migrate %(vm)s from %(source)s to %(destination)s"),
    "powerOn": gettext_lazy("Power on host %(source)s"),
    "powerOff": gettext_lazy("Power off host %(source)s"),
}
STATES: dict[str, tuple[Text, str, str]] = {
    "pending": (gettext_lazy("Waits"), "clock", "info"),
    "applied": (gettext_lazy("Applied"), "check-circle", "ok"),
    "failed": (gettext_lazy("Failed"), "error-standard", "error"),
    "gone": (gettext_lazy("Superseded"), "minus-circle", "quiet"),
}

# What DRS was at when it met a fault: how the engine's words begin, and the sentence with the name that follows.
PROBLEMS: dict[str, Text] = {
    "evacuate ": gettext_lazy("emptying %(name)s"),
    "rule ": gettext_lazy("keeping the rule %(name)s"),
    "reservations on ": gettext_lazy("reservations on %(name)s"),
    "the planned moves block each other": gettext_lazy("the planned moves block each other"),
    "execution": gettext_lazy("while it was carried out"),
}


def problem(text: str) -> str:
    """What DRS was at when it met a fault."""
    for start, said in PROBLEMS.items():
        if text.startswith(start):
            return str(said) % {"name": text.removeprefix(start)}
    return text


def sentence(template: str, fields: Mapping[str, Any]) -> str:
    """An engine's template in the person's language; a field that is missing stays visible as such."""
    return fill(gettext(template), told(fields)) if template else ""


def action(kind: str, vm: str, source: str, destination: str) -> str:
    """What a recommendation asks for."""
    return str(ACTIONS[kind]) % {"vm": vm, "source": source, "destination": destination}
