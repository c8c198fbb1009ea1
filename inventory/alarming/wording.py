"""Rules and actions of alarms as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.alarms import ABOVE, EQUAL, EVENT, METRIC, STATE, STATES, counters_of, state_of
from domain.counters import Counter
from domain.states import (
    HostConnection,
    HostPower,
    StandbyMode,
    Status,
    ToolsStatus,
    VmConnection,
    VmPower,
)
from inventory import words

Text = Any
COUNTERS: dict[int, Text] = {
    2: gettext_lazy("CPU usage"),
    6: gettext_lazy("CPU used"),
    12: gettext_lazy("CPU ready time"),
    398: gettext_lazy("CPU demand"),
    397: gettext_lazy("CPU entitlement"),
    399: gettext_lazy("CPU co-stop time"),
    400: gettext_lazy("Time at the CPU limit"),
    404: gettext_lazy("CPU readiness"),
    395: gettext_lazy("CPU capacity"),
    278: gettext_lazy("CPU of all hosts"),
    24: gettext_lazy("Memory usage"),
    33: gettext_lazy("Active memory"),
    98: gettext_lazy("Consumed memory"),
    29: gettext_lazy("Granted memory"),
    90: gettext_lazy("Ballooned memory"),
    70: gettext_lazy("Swapped memory"),
    49: gettext_lazy("Swap used"),
    105: gettext_lazy("Compressed memory"),
    422: gettext_lazy("Memory latency"),
    68: gettext_lazy("Memory state"),
    143: gettext_lazy("Network usage"),
    125: gettext_lazy("Disk usage"),
    133: gettext_lazy("Highest disk latency"),
    155: gettext_lazy("Uptime"),
    157: gettext_lazy("Power"),
    159: gettext_lazy("Energy"),
    276: gettext_lazy("Effective CPU"),
    277: gettext_lazy("Effective memory"),
    281: gettext_lazy("Space used"),
    282: gettext_lazy("Space provisioned"),
    283: gettext_lazy("Capacity"),
    178: gettext_lazy("Read requests"),
    179: gettext_lazy("Write requests"),
    182: gettext_lazy("Read latency"),
    183: gettext_lazy("Write latency"),
    100_001: gettext_lazy("Space used (share)"),
    100_002: gettext_lazy("Space provisioned (share)"),
    100_003: gettext_lazy("DRS score"),
    100_004: gettext_lazy("Rules that are not kept"),
}
PATHS: dict[str, Text] = {
    "runtime.powerState": gettext_lazy("Power state"),
    "runtime.connectionState": gettext_lazy("Connection state"),
    "runtime.consolidationNeeded": gettext_lazy("Disk consolidation needed"),
    "guest.toolsStatus": gettext_lazy("Guest tools"),
    "runtime.standbyMode": gettext_lazy("Standby mode"),
    "runtime.inMaintenanceMode": gettext_lazy("Maintenance mode"),
    "configuration.drsEnabled": gettext_lazy("vSphere DRS"),
    "configuration.dasEnabled": gettext_lazy("vSphere HA"),
    "summary.accessible": gettext_lazy("Accessible"),
    "summary.slow": gettext_lazy("Slow"),
}
_ENUMS = (VmPower, VmConnection, ToolsStatus, HostConnection, HostPower, StandbyMode)
UNITS = {"percent": "%", "KBps": "KB/s", "number": ""}


def unit(counter: Counter) -> str:
    return UNITS.get(counter.unit, counter.unit)


def scale(counter: Counter) -> int:
    """Counter units per unit that people read: percent counters are in 1/100 %."""
    return 100 if counter.unit == "percent" else 1


def counter_label(counter: Counter) -> str:
    return str(COUNTERS.get(counter.key, counter.id))


def path_label(path: str) -> str:
    return str(PATHS.get(path, path))


def value_label(kind: str, path: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    values = {str(one) for one in state_of(kind, path).values}
    enum = next((one for one in _ENUMS if {str(member) for member in one} == values), None)
    return str(words.of(enum, value)) if enum else str(value)


def event_label(name: str) -> str:
    """vSphere's name in words: "VmFailedToPowerOnEvent" reads "Vm Failed To Power On"."""
    if "." in name:
        return name
    stem = name.removesuffix("Event")
    return _("".join(f" {c}" if c.isupper() and i and not stem[i - 1].isupper() else c for i, c in enumerate(stem)))


def paths_of(kind: str) -> list[tuple[str, str]]:
    return [(one.path, path_label(one.path)) for one in STATES.get(kind, ())]


def sentences(kind: str, rules: list[Mapping[str, Any]]) -> list[str]:
    """One sentence per rule."""
    return [_(" and ").join(_sentence(kind, one) for one in rule["conditions"]) for rule in rules]


def _sentence(kind: str, one: Mapping[str, Any]) -> str:
    return {METRIC: _metric, STATE: _state, EVENT: _event}[one["type"]](kind, one)


def _metric(kind: str, one: Mapping[str, Any]) -> str:
    counter = counters_of(kind)[one["counter"]]
    parts = []
    for level in (Status.YELLOW, Status.RED):
        if one.get(level) is not None:
            said = number_format(_plain(one[level] / scale(counter)), force_grouping=True)
            parts.append(f"{said} {unit(counter)} → {words.of(Status, level)}{lasting(one.get(f'{level}_s', 0))}")
    sign = ">" if one["operator"] == ABOVE else "<"
    return f"{counter_label(counter)} {sign} {', '.join(parts)}"


def _plain(value: float) -> float | int:
    """Without a fraction where there is none."""
    return int(value) if value == int(value) else round(value, 2)


def _state(kind: str, one: Mapping[str, Any]) -> str:
    sign = "=" if one["operator"] == EQUAL else "≠"
    value = value_label(kind, one["path"], one["value"])
    return f"{path_label(one['path'])} {sign} {value} → {words.of(Status, one['status'])}{lasting(one.get('for_s', 0))}"


def _event(_kind: str, one: Mapping[str, Any]) -> str:
    text = f"{event_label(one['event'])} → {words.of(Status, one['status'])}"
    cleared = ", ".join(event_label(name) for name in one.get("clears", []))
    return text + (_("; reset by %(events)s") % {"events": cleared} if cleared else "")


def lasting(seconds: float) -> str:
    if not seconds:
        return ""
    if seconds % 60 == 0:
        return _(" (for %(minutes)s min)") % {"minutes": int(seconds // 60)}
    return _(" (for %(seconds)s s)") % {"seconds": int(seconds)}
