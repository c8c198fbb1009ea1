"""CPU and memory of a process with all that it has started; Linux only."""

from __future__ import annotations

import os
from pathlib import Path


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds that the family has used, those of ended children included."""
    ticks = sum(sum(map(int, fields[11:15])) for one in family(pid) if (fields := _stat(one)))
    return ticks / os.sysconf("SC_CLK_TCK")


def machine_s() -> float:
    """CPU seconds that the whole machine has worked, for whomever."""
    user, nice, system, _idle, _wait, irq, soft_irq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """Proportional set size: what processes share is divided among them."""
    return sum(_pss(one) for one in family(pid))


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat behind the name: [0] state, [1] parent, [11..14] CPU ticks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
