"""Balance one cluster snapshot and compare with Ganeti's hbal in the same run."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
import subprocess
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.engine.htools import HtoolsCluster, HtoolsError, parse_snapshot
from scheduler.engine.htools_run import SnapshotPlan, balance_snapshot

Row = dict[str, Any]
_STEP = re.compile(r"^\s*\d+\.\s+(\S+)\s+(\S+)\s+=>\s+(\S+)\s")
_INITIAL = re.compile(r"Initial coefficients: overall (\S+)")
_FINAL = re.compile(r"Final coefficients:\s+overall (\S+)")


class Command(BaseCommand):
    """`manage.py bench_balance SNAPSHOT.data --util FILE [--max-moves N] [--hbal] [--moves] [--json]`."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Paths are arguments; no data is part of the project."""
        parser.add_argument("snapshot", help="cluster in htools' .data format")
        parser.add_argument("--util", help="utilisation file (CPU and memory load per instance)")
        parser.add_argument("--max-moves", type=int, help="default: as many as hbal makes")
        parser.add_argument("--hbal", action="store_true", help="run hbal side by side")
        parser.add_argument("--moves", action="store_true", help="print the plan, in a safe order")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the planners and print one row each."""
        if options["max_moves"] is not None and options["max_moves"] < 0:
            raise CommandError("--max-moves must not be negative")
        rows: list[Row] = []
        budget: int | None = options["max_moves"]
        if options["hbal"]:
            rows.append(run_hbal(options["snapshot"], options["util"], budget))
            budget = rows[0]["moves"]
        row, plan = run_ours(options["snapshot"], options["util"], budget)
        rows.insert(0, row)
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "machine": machine()}))
            return
        for line in rows:
            self.stdout.write(_sentence(line))
        if len(rows) == 2:
            self.stdout.write(_comparison(rows[0], rows[1]))
        if options["moves"]:
            for number, (vm, source, target) in enumerate(plan.steps, start=1):
                self.stdout.write(f"{number:5d}. {vm} {source} => {target}")


def run_ours(snapshot: str, util: str | None, budget: int | None) -> tuple[Row, SnapshotPlan]:
    """Parse and plan; CPU time covers both, as hbal's does."""
    started = time.process_time()
    cluster = _read(snapshot, util)
    plan = balance_snapshot(cluster, budget)
    seconds = time.process_time() - started
    return {
        "snapshot": Path(snapshot).name, "planner": "ours", "moves": plan.moves, "score_before": plan.score_before,
        "score_after": plan.score_after, "bound": plan.bound, "cpu_seconds": seconds,
    }, plan  # fmt: skip


def _read(snapshot: str, util: str | None) -> HtoolsCluster:
    try:
        data = Path(snapshot).read_text(encoding="utf-8")
        load = Path(util).read_text(encoding="utf-8") if util else None
        return parse_snapshot(data, load)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{snapshot}: not a text file ({error.reason})") from error
    except HtoolsError as error:
        raise CommandError(f"{snapshot}: {error}") from error


def run_hbal(snapshot: str, util: str | None, max_moves: int | None) -> Row:
    """Run hbal on the same files; its moves are the instances whose node differs in the end."""
    binary = shutil.which("hbal")
    if binary is None:
        raise CommandError("hbal is not installed (Debian package ganeti-htools)")
    command = [binary, "-t", snapshot, "-v", "-v"] + (["-U", util] if util else [])
    command += ["-l", str(max_moves)] if max_moves is not None else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise CommandError(f"hbal failed: {(done.stderr or done.stdout).strip()[-300:]}")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "snapshot": Path(snapshot).name, "planner": "hbal", "moves": _displaced(done.stdout),
        "score_before": _figure(_INITIAL, done.stdout), "score_after": _figure(_FINAL, done.stdout),
        "bound": None, "cpu_seconds": seconds,
    }  # fmt: skip


def _displaced(output: str) -> int:
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for match in filter(None, map(_STEP.match, output.splitlines())):
        name, source, target = match.groups()
        first.setdefault(name, source)
        last[name] = target
    return sum(first[name] != last[name] for name in last)


def _figure(pattern: re.Pattern[str], output: str) -> float | None:
    match = pattern.search(output)
    return float(match.group(1)) if match else None


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}


def _sentence(row: Row) -> str:
    bound = "" if row["bound"] is None else f", no plan below {row['bound']:.4f}"
    scores = f"{_score(row['score_before'])} -> {_score(row['score_after'])}"
    return f"{row['planner']:>5}: {row['moves']} moves, score {scores}{bound}, {row['cpu_seconds']:.2f} s CPU"


def _score(value: float | None) -> str:
    return "?" if value is None else f"{value:.4f}"


def _comparison(ours: Row, peer: Row) -> str:
    if not peer["score_after"]:
        return "hbal found nothing to improve"
    ratio, speed = ours["score_after"] / peer["score_after"], peer["cpu_seconds"] / max(ours["cpu_seconds"], 1e-9)
    return f"ratio: score {ratio:.2f} x hbal's, {speed:.0f} times faster, {ours['moves']} of {peer['moves']} moves"
