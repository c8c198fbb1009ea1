"""What the sensors of a server read, worked out from the power that it draws: temperatures, fans, power supplies.

A processor warms with what the power model says it burns above idle and follows with the lag of its heat sink; the fans
turn as its temperature asks; the air that they move carries all power out, so that the exhaust is warmer than the inlet
by power / (density x heat capacity x flow). Figures of the chassis are a modelling decision, in the range of the data
sheets of such servers. Temperatures in °C, power in W, fans in revolutions per minute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.hardware import DEFAULT_MODEL, SERVER_MODELS, STANDBY_W
from domain.states import Status

INLET_C = 22.0  # a machine room
HEAT_SINK_S = 90.0  # time constant of a processor with its heat sink
IDLE_RISE_C, BUSY_RISE_C = 13.0, 42.0  # of a processor over the inlet: idle, and on top of that at full load
MEMORY_RISE_C, MEMORY_LOAD_RISE_C = 5.0, 15.0
FAN_LEAST, FAN_FROM_C, FAN_FULL_C = 0.25, 40.0, 78.0  # duty at and below the one, full at the other temperature
AIR_J_PER_M3_K = 1206.0  # 1.2 kg/m³ x 1005 J/(kg K)
SUPPLY_SIZES_W = (250, 350, 495, 750, 1100, 1400, 2000, 2600)
SUPPLY_HEADROOM = 1.1


class SensorKind(StrEnum):
    INLET = "inlet"
    EXHAUST = "exhaust"
    PROCESSOR = "processor"
    MEMORY = "memory"
    FAN = "fan"
    SUPPLY = "supply"
    SYSTEM = "system"


UNITS = {
    SensorKind.INLET: "°C", SensorKind.EXHAUST: "°C", SensorKind.PROCESSOR: "°C", SensorKind.MEMORY: "°C",
    SensorKind.FAN: "RPM", SensorKind.SUPPLY: "W", SensorKind.SYSTEM: "W",
}  # fmt: skip
# Temperatures at which a sensor warns and alerts.
HOT_C = {
    SensorKind.INLET: (35.0, 40.0), SensorKind.EXHAUST: (55.0, 65.0), SensorKind.PROCESSOR: (82.0, 92.0),
    SensorKind.MEMORY: (75.0, 85.0),
}  # fmt: skip
SUPPLY_WARNS, SUPPLY_ALERTS = 0.9, 1.0  # of what the supplies are rated for


@dataclass(frozen=True, slots=True)
class Chassis:
    """`flow` in m³/s with all fans at `fan_rpm`."""

    fans: int
    fan_rpm: int
    flow: float
    supplies: int


CHASSIS = {
    "hp-ml110-g4": Chassis(2, 3000, 0.030, 1),
    "hp-ml110-g5": Chassis(2, 3000, 0.030, 1),
    "ibm-x3550-m3": Chassis(6, 15_000, 0.040, 2),
    "dell-r640": Chassis(8, 17_000, 0.050, 2),
    "dell-r740": Chassis(6, 12_000, 0.060, 2),
    "lab-1u": Chassis(5, 15_000, 0.045, 2),
    "desktop-8c": Chassis(2, 2000, 0.030, 1),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """`warns` and `alerts` are where the reading stops being normal, None where nothing is; `number` counts from 1."""

    kind: SensorKind
    number: int
    value: float
    warns: float | None = None
    alerts: float | None = None

    @property
    def unit(self) -> str:
        return UNITS[self.kind]

    @property
    def status(self) -> Status:
        if self.alerts is not None and self.value >= self.alerts:
            return Status.RED
        return Status.YELLOW if self.warns is not None and self.value >= self.warns else Status.GREEN


def readings(model: str, sockets: int, watts: Sequence[float], memory_ratio: float, step_s: float) -> list[Reading]:
    """All sensors of a server now.

    `watts`: what it drew, oldest first and `step_s` seconds apart, the last one now; `memory_ratio`: of its memory in
    use, 0 … 1. A server in standby or off reads its inlet and its own small draw, its fans stand.
    """
    known = SERVER_MODELS.get(model, SERVER_MODELS[DEFAULT_MODEL])
    chassis = CHASSIS.get(known.key, CHASSIS[DEFAULT_MODEL])
    now = watts[-1]
    hot = processor_c(known.watts, watts, step_s)
    duty = fan_duty(hot) if now > STANDBY_W else 0.0
    exhaust = INLET_C + (now / (AIR_J_PER_M3_K * chassis.flow * duty) if duty else 0.0)
    memory = INLET_C + (
        MEMORY_RISE_C + (exhaust - INLET_C) / 2 + MEMORY_LOAD_RISE_C * min(max(memory_ratio, 0.0), 1.0) if duty else 0.0
    )
    rated = supply_w(known.watts[-1])
    found = [_heat(SensorKind.INLET, 1, INLET_C), _heat(SensorKind.EXHAUST, 1, exhaust)]
    found += [_heat(SensorKind.PROCESSOR, n, hot) for n in range(1, max(1, sockets) + 1)]
    found.append(_heat(SensorKind.MEMORY, 1, memory))
    found += [Reading(SensorKind.FAN, n, duty * chassis.fan_rpm) for n in range(1, chassis.fans + 1)]
    found += [
        Reading(SensorKind.SUPPLY, n, now / chassis.supplies, SUPPLY_WARNS * rated, SUPPLY_ALERTS * rated)
        for n in range(1, chassis.supplies + 1)
    ]
    return [*found, Reading(SensorKind.SYSTEM, 1, now)]


def processor_c(curve: Sequence[float], watts: Sequence[float], step_s: float) -> float:
    """The temperature of a processor after it drew `watts`; it is taken to have settled at the first of them."""
    follow = 1.0 - math.exp(-step_s / HEAT_SINK_S)
    temperature = _settled_c(curve, watts[0])
    for drawn in watts[1:]:
        temperature += follow * (_settled_c(curve, drawn) - temperature)
    return temperature


def _settled_c(curve: Sequence[float], drawn: float) -> float:
    """Where the temperature ends if the server goes on drawing this."""
    if drawn <= STANDBY_W:
        return INLET_C
    idle, full = curve[0], curve[-1]
    return INLET_C + IDLE_RISE_C + BUSY_RISE_C * min(max((drawn - idle) / (full - idle), 0.0), 1.0)


def fan_duty(hot_c: float) -> float:
    """How fast the fans turn, 0 … 1, for the temperature of the processors."""
    asked = (hot_c - FAN_FROM_C) / (FAN_FULL_C - FAN_FROM_C)
    return FAN_LEAST + (1.0 - FAN_LEAST) * min(max(asked, 0.0), 1.0)


def supply_w(full_w: float) -> int:
    """The power supply that a server of this draw at full load is sold with: one of them carries it alone."""
    return next((size for size in SUPPLY_SIZES_W if size >= SUPPLY_HEADROOM * full_w), SUPPLY_SIZES_W[-1])


def _heat(kind: SensorKind, number: int, value: float) -> Reading:
    return Reading(kind, number, value, *HOT_C[kind])
