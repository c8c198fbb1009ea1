"""Replay recorded days through consolidation policies, ours beside the literature's and the bound."""

from __future__ import annotations

import json
import os
import platform
import resource
import time
from argparse import ArgumentParser
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from domain.testbed import Testbed, TestbedError, load_testbed
from domain.traces import TraceError, TraceSet, load_traces
from scheduler.engine.replay import (
    POLICIES,
    SEMANTICS,
    PlacementError,
    ReplayError,
    bound_kwh,
    bound_whole_kwh,
    run_policy,
    setting,
)

COLUMNS = (
    ("day", "{:<24}"),
    ("policy", "{:<8}"),
    ("energy_kwh", "{:>10.2f}"),
    ("bound_kwh", "{:>9.2f}"),
    ("energy_to_bound", "{:>7.3f}"),
    ("slatah", "{:>9.5f}"),
    ("pdm", "{:>10.2e}"),
    ("slav", "{:>9.2e}"),
    ("esv", "{:>9.2e}"),
    ("migrations", "{:>10}"),
    ("unserved_ratio", "{:>9.2e}"),
    ("seconds", "{:>7.2f}"),
    ("peak_mib", "{:>8.0f}"),
)


class Command(BaseCommand):
    help = "Replay recorded days through consolidation policies; energy, service and migrations beside the bound."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("traces", nargs="+", metavar="TRACE", help=".npz or .csv file, one for each day")
        parser.add_argument("--hosts", required=True, metavar="FILE", help="JSON file of host models and VM types")
        parser.add_argument("--semantics", choices=SEMANTICS, default="literature")
        parser.add_argument("--policy", action="append", choices=sorted(POLICIES), help="repeatable; default: all")
        days = parser.add_mutually_exclusive_group()
        days.add_argument("--day", type=int, default=None, metavar="N", help="only day N (from 0) of a longer trace")
        days.add_argument("--each-day", action="store_true", help="every whole day of a longer trace by itself")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        policies = options["policy"] or list(POLICIES)
        rows: list[dict[str, Any]] = []
        try:
            testbed = load_testbed(options["hosts"])
            for path in options["traces"]:
                for traces in chosen(load_traces(path), options["day"], each=options["each_day"]):
                    rows += measure(traces, testbed, policies, options["semantics"])
        except (TraceError, TestbedError, ReplayError, PlacementError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "machine": machine()}))
        else:
            self._print_table(rows)

    def _print_table(self, rows: list[dict[str, Any]]) -> None:
        rows = [{**row, "energy_to_bound": row["energy_kwh"] / row["bound_kwh"]} for row in rows]
        widths = [len(form.format("" if key in ("day", "policy") else 0)) for key, form in COLUMNS]
        titles = [key.replace("_ratio", "")[:width] for (key, _), width in zip(COLUMNS, widths, strict=True)]
        self.stdout.write(" ".join(title.rjust(width) for title, width in zip(titles, widths, strict=True)))
        for row in rows:
            self.stdout.write(" ".join(form.format(row[key]) for key, form in COLUMNS))
        for line in medians(rows):
            self.stdout.write(line)


def chosen(traces: TraceSet, day: int | None, *, each: bool = False) -> list[TraceSet]:
    """The trace as it is, its day ``day``, or each of its whole days. Raises TraceError if there is no such day."""
    if day is None and not each:
        return [traces]
    samples = round(86_400 / traces.step_s)
    if day is not None and not 0 <= day * samples <= traces.sample_count - 2:
        raise TraceError("%(source)s has no day %(day)d", source=traces.source, day=day)
    whole = max(1, traces.sample_count // samples)
    return [_day(traces, n, samples) for n in (range(whole) if day is None else (day,))]


def _day(traces: TraceSet, day: int, samples: int) -> TraceSet:
    part = traces.window(day * samples, (day + 1) * samples)
    return replace(part, source=f"{traces.source}-day{day}")


def measure(traces: TraceSet, testbed: Testbed, policies: list[str], semantics: str) -> list[dict[str, Any]]:
    """One row for each policy: the replay's figures, its seconds of this process, and the process's peak memory."""
    where = setting(traces, testbed, semantics)
    bound = bound_kwh(where.fleet, where.work, semantics)
    whole = bound_whole_kwh(where.fleet, where.work) if semantics == "physical" else None
    rows = []
    for policy in policies:
        started = time.process_time()
        result = replace(run_policy(where, policy), bound_kwh=bound)
        seconds = time.process_time() - started
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({**result.row(), "bound_whole_kwh": whole, "seconds": seconds, "peak_mib": peak_mib})
    return rows


def medians(rows: list[dict[str, Any]]) -> list[str]:
    """For each policy, medians over the days: energy over the bound, and service; whole hosts over the bound."""
    lines = []
    for policy in dict.fromkeys(row["policy"] for row in rows):
        mine = [row for row in rows if row["policy"] == policy]
        energy = median(row["energy_to_bound"] for row in mine)
        slav, unserved = median(row["slav"] for row in mine), median(row["unserved_ratio"] for row in mine)
        moves = median(row["migrations"] for row in mine)
        lines.append(
            f"median of {len(mine)}: {policy:<8} {energy:.3f} x bound, SLAV {slav:.2e}, "
            f"unserved {unserved:.2e}, {moves:.0f} migrations"
        )
    known = {row["day"]: row["bound_whole_kwh"] / row["bound_kwh"] for row in rows if row["bound_whole_kwh"]}
    if known:
        least = median(known.values())
        lines.append(f"median of {len(known)}: whole hosts, the future known: at least {least:.3f} x bound")
    return lines


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    return {"cpus": os.cpu_count(), "processor": platform.machine(), "system": platform.system(), **versions}
