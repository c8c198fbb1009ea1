"""Monitor > Hardware Health of a host: its sensors, which follow the power that the fleet says it draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from domain.counters import REALTIME_S
from domain.morefs import Kind
from domain.sensors import Reading, SensorKind, readings
from domain.states import HostConnection, HostPower, StandbyMode, Status
from inventory import format as forms
from inventory import metrics, selectors, words
from inventory.models import DatastoreMount
from inventory.pages.configure import adapters_of
from inventory.pages.figures import MEMORY_PCT, POWER_W
from inventory.pages.registry import MONITOR, Text, section

LOOK_BACK_S = 600.0  # a heat sink has forgotten what was before
PERCENT = 10_000.0
GROUPS: dict[SensorKind, tuple[Text, Text]] = {
    SensorKind.INLET: (_("Temperature"), _("Inlet air")),
    SensorKind.EXHAUST: (_("Temperature"), _("Exhaust air")),
    SensorKind.PROCESSOR: (_("Temperature"), _("Processor %(number)s")),
    SensorKind.MEMORY: (_("Temperature"), _("Memory modules")),
    SensorKind.FAN: (_("Fans"), _("Fan %(number)s")),
    SensorKind.SUPPLY: (_("Power"), _("Power supply %(number)s")),
    SensorKind.SYSTEM: (_("Power"), _("Whole system")),
}


@dataclass(frozen=True)
class Sensor:
    """One line. `normal` says what a normal reading is, "" where every one is."""

    group: Text
    name: str
    reading: str
    status: Status
    normal: str = ""


@section(MONITOR, "hardware-health", _("Hardware Health"), [Kind.HOST], group="hardware",
         template="inventory/monitor/hardware_health.html")  # fmt: skip
def hardware_health(page: Any) -> dict[str, Any]:
    """Nothing is said of a host that does not answer; in standby its BMC alone does."""
    host = page.obj
    answers = host.connection_state == HostConnection.CONNECTED or host.standby_mode != StandbyMode.NONE
    sensors = [*_measured(page, host), *_links(host), *_storage(page, host)] if answers else []
    bad = [one for one in sensors if one.status != Status.GREEN]
    sleeps = answers and host.power_state != HostPower.ON
    return {"sensors": sensors, "bad": len(bad), "answers": answers, "sleeps": sleeps, "host": host}


def _measured(page: Any, host: Any) -> list[Sensor]:
    """Temperatures, fans and power; none before the first sample has come."""
    if page.latest is None:
        return []
    since_s = page.latest.time_s - LOOK_BACK_S
    drawn = metrics.series(page.vc, "host", host.slot, [POWER_W], start_s=since_s).values[POWER_W]
    watts = [float(one) for one in drawn if not math.isnan(one)]
    if not watts:
        return []
    memory = page.latest.value("host", host.slot, MEMORY_PCT) or 0.0
    return [_sensor(one) for one in readings(host.model, host.sockets, watts, memory / PERCENT, REALTIME_S)]


def _sensor(one: Reading) -> Sensor:
    group, name = GROUPS[one.kind]
    normal = _t("below %(limit)s") % {"limit": _said(one.warns, one.unit)} if one.warns is not None else ""
    return Sensor(group, str(name) % {"number": one.number}, _said(one.value, one.unit), one.status, normal)


def _said(value: float | None, unit: str) -> str:
    return f"{forms.number(value, 0)} {unit}"


def _links(host: Any) -> list[Sensor]:
    """A cable that is out is a warning, all of them an alert: the host is cut off then."""
    adapters = adapters_of(host)
    lost = Status.RED if adapters and all(one["down"] for one in adapters) else Status.YELLOW
    return [
        Sensor(_("Network"), one["name"], _t("Link down"), lost, _t("Link up")) if one["down"]
        else Sensor(_("Network"), one["name"], _t("Link up"), Status.GREEN, _t("Link up"))
        for one in adapters
    ]  # fmt: skip


def _storage(page: Any, host: Any) -> list[Sensor]:
    """The paths to the datastores that the person sees; local ones are disks of the host itself."""
    rows = DatastoreMount.objects.filter(host=host, datastore__in=selectors.datastores_visible(page.user, page.vc))
    return [_path(one) for one in rows.select_related("datastore").order_by("datastore__name")]


def _path(mount: DatastoreMount) -> Sensor:
    reached = mount.accessible and mount.datastore.accessible
    status, word = (Status.GREEN, words.DATASTORE_OK) if reached else (Status.RED, words.DATASTORE_LOST)
    return Sensor(_("Storage"), mount.datastore.name, str(word.label), status, str(words.DATASTORE_OK.label))
