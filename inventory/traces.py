"""Recorded traces that VMs replay: kept as files of the lab's own, so that the original may go away.

A set is one file under DATA_DIR/traces, named `<stem>-<digest>.<suffix>`; a VM's `trace` is `<set>/<name>`. A set whose
name ends in `@office` is the same file with working hours: recorded samples times the time of day of each VM's kind.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from domain.traces import TraceError, TraceSet, load_traces
from inventory.models import VCenter

OFFICE = "@office"


def folder() -> Path:
    return Path(settings.DATA_DIR) / "traces"


def keep(path: str | Path) -> str:
    """Check the file and copy it into the lab; returns the set's name. Raises TraceError and then keeps nothing."""
    load_traces(path)
    source = Path(path)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", source.stem)[:60]
    name = f"{stem}-{digest}{source.suffix.lower()}"
    folder().mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder() / name)
    return name


def key(set_name: str, trace: str) -> str:
    """What a VM's `trace` field holds for one trace of a set."""
    return f"{set_name}/{trace}"


def office(set_name: str) -> str:
    """The name of a kept set with working hours."""
    return set_name + OFFICE


@lru_cache(maxsize=8)
def load(set_name: str) -> TraceSet:
    """A kept set; cached per process, since a set's name carries its digest."""
    recorded = load_traces(folder() / set_name.removesuffix(OFFICE))
    return replace(recorded, office=True) if set_name.endswith(OFFICE) else recorded


def sets_of(vcenter: VCenter) -> Mapping[str, TraceSet]:
    """The sets that the VMs of a vCenter may name. If a file has gone, its VMs follow their archetype."""
    found = {}
    for name in vcenter.trace_sets:
        try:
            found[name] = load(name)
        except TraceError:
            continue
    return found
