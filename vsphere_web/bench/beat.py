"""CPU of one heartbeat, part by part: many labs in one database, their clocks driven by hand, nothing waits.

Every lab beats once per wall second at its speed, so a beat at x60 brings three samples and a DRS cycle is due with
each. What workers do after a beat (`cycle`) is measured beside it, because it shares the machine.
"""

from __future__ import annotations

import cProfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.db import connection
from django.utils.timezone import now

from hypervisors.simulated.driver import SimulatedDriver
from inventory import prepared, pump, redis, seeding
from inventory.models import Cluster, VCenter
from scheduler import tasks
from scheduler.services import cycles
from vsphere_web.bench.pages import Count

Row = dict[str, Any]
WARM_BEATS = 3  # the first one builds the fleet, the next ones fill caches
STEP_S = 1.0


class Parts:
    """CPU seconds per part of a beat; parts do not contain each other."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*args: Any, **options: Any) -> Any:
            begin_s = time.process_time()
            try:
                return call(*args, **options)
            finally:
                self.cpu_s[name] += time.process_time() - begin_s

        return measured


def measure(labs: int, hosts: int, vms: int, speed: float, beats: int, profile: Path | None = None) -> list[Row]:
    """Rows `part`, `cpu_ms` (per beat), `queries` and `redis` calls (per beat, of the whole only)."""
    call_command("migrate", verbosity=0)
    vcenters = [_lab(number, hosts, vms, speed) for number in range(labs)]
    woken: set[int] = set()
    with mock.patch.object(tasks, "wake_cycle", lambda cluster, _why: woken.add(cluster)):
        for _ in range(WARM_BEATS):
            _round(vcenters, speed, Parts())
        parts, count, calls_before, valkey_s = Parts(), Count(), _calls(), _valkey_cpu_s()
        with connection.execute_wrapper(count), _profiled(profile):
            for _ in range(beats):
                _round(vcenters, speed, parts)
        done = beats * labs
        calls, valkey_s = _calls() - calls_before, _valkey_cpu_s() - valkey_s
        anew = Parts()
        with mock.patch.object(prepared, "KEEPS", False):
            for _ in range(max(1, beats // 4)):
                _round(vcenters, speed, anew)
    whole = parts.cpu_s.pop("whole")
    rest = whole - sum(parts.cpu_s.values())
    rows: list[Row] = [{"part": name, "cpu_ms": 1000 * spent / done} for name, spent in parts.cpu_s.items()]
    rows.append({"part": "rest (lease, marks, clock)", "cpu_ms": 1000 * rest / done})
    figures = {"queries": count.queries / done, "redis_calls": calls / done}
    rows.append({"part": "a beat", "cpu_ms": 1000 * whole / done, **figures})
    anew_ms = 1000 * anew.cpu_s["whole"] / (max(1, beats // 4) * labs)
    rows.append({"part": "the same, every query built anew", "cpu_ms": anew_ms})
    rows.append({"part": "Valkey beside it", "cpu_ms": 1000 * valkey_s / done})
    rows.append({"part": "a DRS cycle in a worker", "cpu_ms": _cycle_ms(woken)})
    return rows


@contextmanager
def _profiled(path: Path | None) -> Iterator[None]:
    profiler = cProfile.Profile()
    if path:
        profiler.enable()
    yield
    if path:
        profiler.disable()
        profiler.dump_stats(path)


def _lab(number: int, hosts: int, vms: int, speed: float) -> VCenter:
    plan = seeding.Plan(hosts=hosts, vms=vms, seed=number + 1, name=f"lab-{number + 1:02}")
    vcenter = seeding.new_vcenter(plan, clock_speed=0.0, clock_wall=now())
    seeding.make(vcenter, plan)
    return vcenter


def _round(vcenters: list[VCenter], speed: float, parts: Parts) -> None:
    """A second passes in every lab, then each beats."""
    for vcenter in vcenters:
        vcenter.clock_lab_s += speed * STEP_S
        VCenter.objects.filter(pk=vcenter.pk).update(clock_lab_s=vcenter.clock_lab_s)
    with _listening(parts):
        for vcenter in vcenters:
            parts.timed("whole", pump.pump)(vcenter.pk)


@contextmanager
def _listening(parts: Parts) -> Iterator[None]:
    poll, inner = SimulatedDriver.poll, {"tasks": "_look_after_tasks", "samples": "_store_samples", "events": "_record"}
    listeners = [parts.timed(_name(listener), listener) for listener in pump.LISTENERS]
    with (
        mock.patch.object(SimulatedDriver, "poll", parts.timed("fleet (load, advance, save)", poll)),
        mock.patch.object(pump, "LISTENERS", listeners),
    ):
        patches = [
            mock.patch.object(pump, attr, parts.timed(part, getattr(pump, attr))) for part, attr in inner.items()
        ]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


def _name(listener: Callable[..., Any]) -> str:
    return f"listener {listener.__module__}"


def _calls() -> int:
    info: Any = redis.patient().info("stats")
    return int(info["total_commands_processed"])


def _valkey_cpu_s() -> float:
    info: Any = redis.patient().info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _cycle_ms(clusters: set[int]) -> float:
    """CPU of one cycle, the mean over the clusters that a beat woke."""
    if not clusters:
        clusters = set(Cluster.objects.filter(standalone=False).values_list("pk", flat=True))
    begin_s = time.process_time()
    for cluster in sorted(clusters):
        cycles.run(cluster)
    return 1000 * (time.process_time() - begin_s) / len(clusters)
