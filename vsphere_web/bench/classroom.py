"""A class in the product's own processes: a lab per student, a browser each, every clock fast.

Web server, workers, pump and clock run as in a lab. A second process plays the students: each holds the socket of its
page and opens a page every `think_s` seconds. This process makes the labs through the classroom's services and watches.

"Pump behind" is wall time since the moment to which a lab's fleet has been advanced, where a sample is due. Clocks tick
once per second of wall time, so a lab that never misses a tick is behind by up to one second when the next is worked
off, and by two where a beat takes the place of the tick after it: that is one tick behind, and the bar.

A lab is ready when its rows are written and its fleet has been built by a first beat. What it costs is memory (that of
all processes and of Valkey, shared out) and disk, its rings counted as if all had gone round.

Wall times mean something on an idle machine only. CPU per beat, cycle, push and page means something on any: what a
second of class costs is their sum, and the machine has as many CPU seconds per second as it has cores. Students do not
open pages in the first part of the measurement, so that what the web server needs for pushes is known by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.utils.timezone import now

from classroom.services import courses, labs, templates
from domain.counters import REALTIME_S
from inventory import fleet, metrics, pump, redis
from inventory.metrics import live_key
from inventory.metrics.latest import FIXED, HEAD_BYTES
from inventory.models import Cluster, Host, VCenter, VirtualMachine
from scheduler import pacing
from scheduler.models import Decision
from vsphere_web.bench.classroom_report import Row, cost, row, ticks_behind
from vsphere_web.bench.live import session_of, tell, wait_for
from vsphere_web.bench.processes import cpu_s, machine_s, memory_bytes
from vsphere_web.supervisor import programs
from vsphere_web.supervisor.processes import Child, Program, end_all

PUSHES_ONLY = 0.3  # part of the measured time in which nobody opens a page
WARM_S = 15.0  # fleets are built, caches filled
LOOK_S = 0.1
LAG_EVERY = 5  # looks
ROWS_SHOWN = 40
READY_BAR_S, PAGE_BAR_MS, PUSH_BAR_MS, TICKS_BAR = 2.0, 200.0, 1000.0, 1


@dataclass(frozen=True, slots=True)
class Meter:
    """Counters at one moment; two of them make a difference. cpu_s: CPU seconds of each part of the product."""

    wall_s: float
    cpu_s: dict[str, float]
    others_s: float  # the rest of the machine, the students included
    students_s: float
    lab_s: float  # how far the fleets have come, over all labs
    cycles: int

    def since(self, before: Meter) -> Meter:
        spent = {name: cpu_s - before.cpu_s[name] for name, cpu_s in self.cpu_s.items()}
        return Meter(
            self.wall_s - before.wall_s, spent, self.others_s - before.others_s, self.students_s - before.students_s,
            self.lab_s - before.lab_s, self.cycles - before.cycles,
        )  # fmt: skip


def measure(
    students: int, hosts: int, vms: int, speed: float, seconds: float, think: float, folder: Path, port: int
) -> list[Row]:
    """Rows `key`, `what`, `value`, `unit`, and `bar` where there is one (a value beyond it misses)."""
    call_command("migrate", verbosity=0)
    people = [get_user_model().objects.create_user(f"student-{n + 1:02}") for n in range(students)]
    bare = _disk_bytes(folder)
    ready_s, vcenters = _make(people, hosts, vms)
    pages = [_page(vcenter) for vcenter in vcenters]
    cookies = [f"{settings.SESSION_COOKIE_NAME}={session_of(person)}" for person in people]
    VCenter.objects.update(clock_speed=speed, clock_lab_s=0.0, clock_wall=now())
    vcenters = list(VCenter.objects.filter(pk__in=[one.pk for one in vcenters]).order_by("pk"))
    empty = _disk_bytes(folder)
    with _processes(folder, port) as parts:
        wait_for(port)
        lesson = Lesson(vcenters, parts, port, seconds, think)
        rows = _class(lesson, pages, cookies)
    rows += _disk(folder, bare, empty, vcenters)
    ready = row(
        "p95_ready_s", "a lab made and its fleet built, p95", float(np.percentile(ready_s, 95)), "s", READY_BAR_S
    )
    return [ready, *rows, cost(rows)]


# --- the labs --------------------------------------------------------------------------------------------------------
def _make(people: Sequence[Any], hosts: int, vms: int) -> tuple[list[float], list[VCenter]]:
    """Labs whose clocks stand still, each with a first beat; and how many seconds each took."""
    teacher = get_user_model().objects.create_superuser("teacher", password=None)
    course = courses.create(teacher, name="Bench", max_labs=max(60, len(people)))
    plan = {"hosts": hosts, "vms": vms}
    template = templates.save(teacher, course, name="Bench", plan=plan, speed=0.0, same_seed=False)
    took, vcenters = [], []
    for person in people:
        begin_s = time.monotonic()
        vcenters.append(labs.make(teacher, course, template, person).vcenter)
        assert pump.pump(vcenters[-1].pk)
        took.append(time.monotonic() - begin_s)
    return took, vcenters


def _page(vcenter: VCenter) -> Row:
    """What a student looks at: the addresses of some pages, and what the VM list of one watches."""
    root = f"/vc/{vcenter.uuid}"
    cluster = Cluster.objects.filter(vcenter=vcenter, standalone=False).order_by("id")[0]
    host = Host.objects.filter(cluster=cluster).order_by("id")[0]
    shown = list(VirtualMachine.objects.filter(vcenter=vcenter).order_by("name").values_list("moref", flat=True))
    shown = shown[:ROWS_SHOWN]
    watch = {
        "vc": str(vcenter.uuid), "tasks": True, "objects": shown, "figures": shown, "counters": [6, 98],
        "trees": [cluster.moref],
    }  # fmt: skip
    paths = [f"{root}/{cluster.moref}/vms/", f"{root}/{cluster.moref}/", f"{root}/{host.moref}/", f"{root}/{shown[0]}/"]
    return {"watch": json.dumps({"watch": watch}), "paths": paths, "vc": str(vcenter.uuid)}


# --- the processes ---------------------------------------------------------------------------------------------------
@contextmanager
def _processes(folder: Path, port: int) -> Iterator[dict[str, Child]]:
    commands = {
        "web": programs.web("127.0.0.1", port),
        "worker": programs.worker("default", "default", processes=2),
        "pump": programs.worker("pump", "pump", processes=2),
        "beat": programs.beat(),
    }
    parts = {
        name: Child(Program(name, command, os.environ, folder / f"{name}.log"), on_death=print)
        for name, command in commands.items()
    }
    for child in parts.values():
        child.start()
    try:
        yield parts
    finally:
        end_all(list(parts.values()), grace_s=5)


# --- the lesson ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Lesson:
    """What runs while the students are there."""

    vcenters: list[VCenter]
    parts: dict[str, Child]
    port: int
    seconds: float
    think_s: float

    def meter(self) -> Meter:
        cpu = {name: cpu_s(child.pid or 0) for name, child in self.parts.items()}
        mine_s, whole_s = cpu_s(os.getpid()), machine_s()
        # The students are children of this process; so are the parts, which are counted already.
        students_s = mine_s - sum(cpu.values())
        cpu["Valkey"] = _valkey()
        marks = [fleet.store_of(vcenter).marked() for vcenter in self.vcenters]
        lab_s = sum(mark.now_s for mark in marks if mark)
        others_s = whole_s - sum(cpu.values()) - students_s
        return Meter(time.monotonic(), cpu, others_s, students_s, lab_s, Decision.objects.count())


def _class(lesson: Lesson, pages: list[Row], cookies: list[str]) -> list[Row]:
    command = [sys.executable, "-m", "vsphere_web.bench.classroom_students"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        assert crowd.stdin
        assert crowd.stdout
        tell(crowd.stdin, {"port": lesson.port, "pages": pages, "cookies": cookies, "think_s": lesson.think_s})
        assert crowd.stdout.readline() == "ready\n", "the students could not connect"
        time.sleep(WARM_S)
        begin = lesson.meter()
        recorded, lags_s = _watch(lesson.vcenters, PUSHES_ONLY * lesson.seconds)
        middle = lesson.meter()
        tell(crowd.stdin, {"read": True})
        more, more_lags_s = _watch(lesson.vcenters, (1 - PUSHES_ONLY) * lesson.seconds)
        end = lesson.meter()
        for vcenter, samples in more.items():
            recorded[vcenter] |= {lab_s: wall_s for lab_s, wall_s in samples.items() if lab_s not in recorded[vcenter]}
        memory = sum(memory_bytes(child.pid or 0) for child in lesson.parts.values())
        tell(crowd.stdin, {"recorded": recorded})
        heard = json.loads(crowd.stdout.readline())
    used: Any = redis.patient().info("memory")
    labs, whole = len(lesson.vcenters), end.since(begin)
    lags_s += more_lags_s
    return [
        row("ticks_behind_max", "ticks that the pump was behind, worst", ticks_behind(max(lags_s)), "", TICKS_BAR),
        row("p99_behind_s", "pump behind, p99", float(np.percentile(lags_s, 99)), "s"),
        row("behind_max_s", "pump behind, worst", max(lags_s), "s"),
        row("p95_page_ms", "page, p95", heard["page_p95_ms"], "ms", PAGE_BAR_MS),
        row("p50_page_ms", "page, p50", heard["page_p50_ms"], "ms"),
        row("pages_failed", "pages that failed", heard["failed"], "", 0),
        row("p99_push_ms", "push of a sample, p99", heard["push_p99_ms"], "ms", PUSH_BAR_MS),
        row("p50_push_ms", "push of a sample, p50", heard["push_p50_ms"], "ms"),
        row("pushes_hz", "samples pushed per lab and second", heard["heard"] / labs / whole.wall_s, ""),
        row("memory_mib_per_lab", "memory per lab", (memory + int(used["used_memory"])) / labs / 2**20, "MiB"),
        *_cores(whole),
        *_units(lesson, middle.since(begin), end.since(middle), heard),
    ]


def _cores(whole: Meter) -> list[Row]:
    parts = {**whole.cpu_s, "the product": sum(whole.cpu_s.values()), "the students": whole.students_s}
    parts["others on the machine"] = whole.others_s
    keys = {"the product": "product", "the students": "students", "others on the machine": "others"}
    return [
        row(f"cores_{keys.get(name, name).lower()}", f"cores used by {name}", spent_s / whole.wall_s, "")
        for name, spent_s in parts.items()
    ]


def _units(lesson: Lesson, quiet: Meter, busy: Meter, heard: Row) -> list[Row]:
    """CPU ms per unit of work, and what a second of a class that nothing delays would need."""
    labs, speed = len(lesson.vcenters), lesson.vcenters[0].clock_speed
    advanced_s = (quiet.lab_s + busy.lab_s) / speed  # wall seconds of labs that the pump has worked off
    cycles = quiet.cycles + busy.cycles
    beat_ms = 1000 * (quiet.cpu_s["pump"] + busy.cpu_s["pump"]) / max(advanced_s, 1e-9)
    cycle_ms = 1000 * (quiet.cpu_s["worker"] + busy.cpu_s["worker"]) / max(cycles, 1)
    push_ms = 1000 * quiet.cpu_s["web"] / max(heard["heard_quiet"], 1)
    pages_s = busy.cpu_s["web"] - push_ms / 1000 * heard["heard_busy"]
    page_ms = 1000 * pages_s / max(heard["pages"], 1)
    cycles_wanted = labs * speed / pacing.Pace().interval_s(lesson.vcenters[0])
    needed = labs * (beat_ms + push_ms + page_ms / lesson.think_s) + cycles_wanted * cycle_ms
    return [
        row("cpu_ms_per_beat", "CPU of a beat (pump, per lab and second)", beat_ms, "ms"),
        row("cpu_ms_per_cycle", "CPU of a cycle (worker)", cycle_ms, "ms"),
        row("cpu_ms_per_push", "CPU of a push (web)", push_ms, "ms"),
        row("cpu_ms_per_page", "CPU of a page (web)", page_ms, "ms"),
        row("cores_needed", "cores that the class needs", needed / 1000, "", os.cpu_count()),
    ]


# --- disk ------------------------------------------------------------------------------------------------------------
def _disk_bytes(folder: Path) -> int:
    """What lies on the disk below a folder; holes of sparse files do not."""
    return sum(512 * path.lstat().st_blocks for path in folder.rglob("*") if path.is_file())


def _disk(folder: Path, bare: int, before: int, vcenters: list[VCenter]) -> list[Row]:
    """Database, rings and checkpoints, without the `bare` tables. Growth of the database is bounded by what is kept of
    tasks, events and decisions; rings have all their bytes once they have gone round."""
    connection.close()
    hours = max(vcenter.lab_seconds() for vcenter in VCenter.objects.all()) / 3600
    labs, used = len(vcenters), _disk_bytes(folder)
    rings = sum(_ring_bytes(vcenter) for vcenter in vcenters)
    to_come = rings - sum(_disk_bytes(metrics.folder(vcenter)) for vcenter in vcenters)
    return [
        row("disk_mib_per_lab", f"disk per lab after {hours:.1f} lab hours", (used - bare) / labs / 2**20, "MiB"),
        row("disk_grown_mib_per_lab", "of it grown since the labs were made", (used - before) / labs / 2**20, "MiB"),
        row("rings_to_come_mib_per_lab", "what rings grow until all have gone round", to_come / labs / 2**20, "MiB"),
    ]


def _ring_bytes(vcenter: VCenter) -> int:
    """Sizes of the files with their holes: what they take on the disk in the end."""
    return sum(path.stat().st_size for path in metrics.folder(vcenter).glob("*") if path.is_file())


def _valkey() -> float:
    info: Any = redis.patient().info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _watch(vcenters: Sequence[VCenter], seconds: float) -> tuple[dict[str, dict[str, float]], list[float]]:
    """When samples were recorded (wall seconds by lab and lab time), and by how much fleets lay behind."""
    recorded: dict[str, dict[str, float]] = {str(vcenter.uuid): {} for vcenter in vcenters}
    clocks = [VCenter.objects.get(pk=vcenter.pk) for vcenter in vcenters]
    lags_s: list[float] = []
    end_s, look = time.monotonic() + seconds, 0
    while time.monotonic() < end_s:
        pipe = redis.patient().pipeline(transaction=False)
        for vcenter in vcenters:
            pipe.getrange(live_key(vcenter), 0, HEAD_BYTES - 1)
        for vcenter, head in zip(vcenters, pipe.execute(), strict=True):
            if len(head) == HEAD_BYTES:
                _magic, time_s, wall_s = FIXED.unpack(head)
                recorded[str(vcenter.uuid)][repr(time_s)] = wall_s
        if look % LAG_EVERY == 0:
            lags_s += [_behind_s(vcenter) for vcenter in clocks]
        look += 1
        time.sleep(LOOK_S)
    return recorded, lags_s


def _behind_s(vcenter: VCenter) -> float:
    """Wall seconds since the moment to which the fleet has been advanced; a sample that is not due is no delay."""
    mark = fleet.store_of(vcenter).marked()
    reached_s = mark.now_s if mark else fleet.driver_for(vcenter).now_s  # a beat that has advanced it goes on
    due_s = vcenter.lab_seconds()
    if due_s // REALTIME_S == reached_s // REALTIME_S:
        return 0.0
    return (due_s - reached_s) / vcenter.clock_speed
