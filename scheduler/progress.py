"""A running move in words and shapes: what `Task.detail` says, ready for a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as _noop

from domain.states import TaskState
from inventory.models import Host, Task, VirtualMachine

OPERATIONS = ("vm.relocate", "vm.drs_migrate")
LIVE = (TaskState.QUEUED, TaskState.RUNNING)
CHART_WIDTH, CHART_HEIGHT = 360.0, 96.0
PHASES: dict[str, str] = {
    "queued": _noop("Waits for a free slot: hosts, adapters and datastores take only so many moves at once"),
    "validating": _noop("Checking both hosts"),
    "preparing": _noop("Reserving CPU and memory on the destination"),
    "tracing": _noop("Starting to note which pages the guest writes"),
    "copying disks": _noop("Copying the disks; what the guest writes goes to both places"),
    "pre-copy": _noop("Copying the memory while the guest runs"),
    "switchover": _noop("The guest stands still for a moment and goes on at the destination"),
    "sending marked pages": _noop("The guest runs at the destination; its last pages follow"),
    "registering": _noop("Registering the virtual machine at its new place"),
    "committing": _noop("Writing down the new place"),
}
KINDS = {
    "vmotion": _noop("vMotion"),
    "storage": _noop("Storage vMotion"),
    "combined": _noop("vMotion with storage"),
    "cold": _noop("Cold migration"),
}
CAUSES = {
    "user": _noop("A person"),
    "drs": _noop("DRS"),
    "dpm": _noop("DPM"),
    "maintenance": _noop("Maintenance mode"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One round of the copy as a rectangle of the chart: when it ran and how much it sent."""

    number: int
    x: float
    y: float
    width: float
    height: float
    mib: float
    seconds: float
    live: bool = False


def bars(rounds: Sequence[Sequence[float]], live: tuple[float, float] | None = None) -> list[Bar]:
    """Rounds [[seconds, MiB], …] side by side, as wide as they lasted, as high as they were big (square root, since
    the first round dwarfs the last); `live` is the present one."""
    lines = [(float(t), float(x), False) for t, x in rounds] + ([(*live, True)] if live else [])
    if not lines:
        return []
    whole_s = sum(max(t, 0.02) for t, _x, _l in lines)
    biggest = max(max(x for _t, x, _l in lines), 1e-6)
    gap = min(2.0, CHART_WIDTH / (4 * len(lines)))
    room, at, found = CHART_WIDTH - gap * (len(lines) - 1), 0.0, []
    for number, (seconds, mib, now) in enumerate(lines, 1):
        width = room * max(seconds, 0.02) / whole_s
        height = max(2.0, CHART_HEIGHT * (max(mib, 0.0) / biggest) ** 0.5)
        found.append(Bar(number, round(at, 2), round(CHART_HEIGHT - height, 2), round(max(width, 1.0), 2),
                         round(height, 2), mib, seconds, now))  # fmt: skip
        at += width + gap
    return found


class Progress:
    """One live move. Every figure is None while the fleet has not said it."""

    def __init__(self, task: Task, now_s: float, destination: Host | None = None) -> None:
        self.task, self.now_s, self.destination = task, now_s, destination
        self.detail: dict[str, Any] = task.detail or {}

    def __getattr__(self, name: str) -> Any:
        if name in FIGURES:
            return self.detail.get(name)
        raise AttributeError(name)

    @property
    def sentence(self) -> str:
        """What is going on, as a sentence."""
        key = self.task.phase or (TaskState.QUEUED if self.task.state == TaskState.QUEUED else "")
        return _(PHASES[key]) if key in PHASES else (key or _(PHASES["validating"]))

    @property
    def kind(self) -> str:
        return _(KINDS.get(str(self.task.args.get("kind", "vmotion")), "vMotion"))

    @property
    def waits(self) -> bool:
        return self.task.state == TaskState.QUEUED or self.task.phase == "queued"

    @property
    def slowed_pct(self) -> int:
        """By how much the guest is slowed so that the copy converges (SDPS)."""
        sigma = self.detail.get("sigma")
        return round(100 * (1 - float(sigma))) if sigma else 0

    @property
    def left_s(self) -> float | None:
        """Lab seconds until the expected end."""
        eta = self.detail.get("eta_s")
        return None if eta is None else max(0.0, float(eta) - self.now_s)

    @property
    def chart(self) -> list[Bar]:
        rounds = self.detail.get("rounds") or []
        number, bandwidth = int(self.detail.get("round") or 0), float(self.detail.get("bandwidth_mibps") or 0)
        left = float(self.detail.get("left_mib") or 0)
        if number <= len(rounds) or bandwidth <= 0 or self.task.phase != "pre-copy":
            return bars(rounds)
        return bars(rounds, (max(left / bandwidth, 0.02), left))


FIGURES = frozenset({
    "round", "sent_mib", "left_mib", "total_mib", "dirty_mibps", "bandwidth_mibps", "predicted_downtime_s",
    "downtime_s",
})  # fmt: skip


def of_vm(vm: VirtualMachine) -> Progress | None:
    """The move that runs on a VM now."""
    task = Task.objects.filter(vcenter=vm.vcenter_id, entity=vm.moref, operation__in=OPERATIONS, state__in=LIVE).first()
    if task is None:
        return None
    task.vcenter = vm.vcenter
    host = Host.objects.filter(vcenter=vm.vcenter_id, moref=task.args.get("host", "")).first()
    if host is not None:
        host.vcenter = vm.vcenter
    return Progress(task, vm.vcenter.lab_seconds(), host)


def moving(vcenter_pk: int, morefs: Sequence[str] | None = None) -> dict[str, int]:
    """VMs that move now, with the percentage done; one query."""
    rows = Task.objects.filter(vcenter=vcenter_pk, operation__in=OPERATIONS, state__in=LIVE)
    if morefs is not None:
        rows = rows.filter(entity__in=morefs)
    return {moref: int(pct or 0) for moref, pct in rows.order_by().values_list("entity", "progress_pct")}
