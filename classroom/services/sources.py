"""Where a lab's inventory comes from: numbers, an inventory file, a captured lab, a checkpoint."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation import gettext

from classroom.checkpoints import archive
from classroom.checkpoints import services as checkpoints
from classroom.models import LabTemplate
from classroom.models.checkpoints import Checkpoint
from domain import faults
from domain.hardware import SERVER_MODELS
from domain.text import _
from domain.traces import TraceError
from inventory import seeding, traces
from inventory.exchange import build, places, safe
from inventory.models import VCenter
from scheduler.services.failure_rates import RATES

START = "Start"
FILE_MAX = 1_000_000  # bytes of an inventory file: more than a lab of the largest size needs
PROBLEMS_SHOWN = 8
# What a plan may say, with its default; everything else in it is refused.
PLAN: dict[str, Any] = {
    "hosts": 4, "vms": 40, "hosted": 1, "powered_on_ratio": 0.9, "drs": True, "skew": 0.0, "models": ["lab-1u"],
}  # fmt: skip


def plan_of(template: LabTemplate, student: Any = None, name: str = "") -> seeding.Plan:
    """The template's numbers as a plan; with `same_seed` everybody gets the same datacenter and the same days.

    Raises:
        InvalidArgument: a number, a server model or the workload is not known.
    """
    given = {**PLAN, **template.plan}
    if unknown := sorted(given.keys() - PLAN.keys()):
        raise faults.InvalidArgument(property="plan", reason=f"unknown: {', '.join(unknown)}")
    if missing := [one for one in given["models"] if one not in SERVER_MODELS]:
        raise faults.InvalidArgument(property="models", reason=f"unknown: {', '.join(missing)}")
    own = 0 if template.same_seed or student is None else student.pk
    return seeding.Plan(
        **{**given, "models": tuple(given["models"])},
        seed=template.seed + own,
        name=name or template.name,
        traces=_traces(template.traces),
    )


def _traces(kept: str) -> list[str]:
    if not kept:
        return []
    try:
        return [traces.key(kept, name) for name in traces.load(kept).names]
    except TraceError as error:
        raise faults.InvalidArgument(property="traces", reason=str(error)) from error


def failure_rates(times: float) -> dict[str, float]:
    """Rates for `LabTemplate.faults`: so many times as often as in the field, each within its bounds; 0 = never."""
    return {one.name: min(one.usual * times, one.most) / one.per for one in RATES} if times else {}


def times_of(rates: Mapping[str, float]) -> float:
    """How many times as often as in the field these rates are, by that of host crashes."""
    first = RATES[0]
    return round(float(rates.get(first.name, 0.0)) * first.per / first.usual, 2)


def trace_sets() -> list[str]:
    """Recorded workloads that were imported into this site, by name."""
    return sorted(path.name for path in traces.folder().glob("*") if path.is_file())


def make(template: LabTemplate, name: str, student: Any) -> VCenter:
    """A vCenter of the student's as the template describes it; its clock does not run yet. Call it in a transaction.

    Raises:
        InvalidArgument: the template cannot be read.
        InvalidState: the captured lab is damaged or gone.
    """
    if template.source == LabTemplate.CAPTURE:
        return checkpoints.from_bytes(captured(template), name=name, owner=student, active=False)
    if template.source == LabTemplate.YAML:
        made = _built(document_of(template.inventory), name=name, owner=student, active=False).vcenter
        assert made is not None
        return made
    vcenter = seeding.new_vcenter(plan_of(template, student, name), owner=student, active=False)
    fill(vcenter, template, student)
    return vcenter


def fill(vcenter: VCenter, template: LabTemplate, student: Any) -> None:
    """Put what the template's numbers describe into an empty vCenter."""
    vcenter.trace_sets = [template.traces] if template.traces else []
    vcenter.fault_rates = dict(template.faults)
    vcenter.save(update_fields=["trace_sets", "fault_rates"])
    seeding.make(vcenter, plan_of(template, student, vcenter.name))


def start_clock(vcenter: VCenter, speed: float) -> None:
    """Lab second 0 is now."""
    values = {"active": True, "clock_lab_s": 0.0, "clock_wall": now(), "clock_speed": speed, "options": {}}
    VCenter.objects.filter(pk=vcenter.pk).update(**values)
    for field, value in values.items():
        setattr(vcenter, field, value)


# --- inventory files -------------------------------------------------------------------------------------------------
def document_of(text: str) -> dict[str, Any]:
    """An inventory file, read safely. Raises InvalidArgument."""
    data = text.encode("utf-8", "replace")  # a lone surrogate is no text, and no fault of ours
    if len(data) > FILE_MAX:
        raise faults.InvalidArgument(property="inventory", reason=_("it is larger than a template may be"))
    try:
        return safe.load(data)
    except safe.Unreadable as error:
        raise faults.InvalidArgument(property="inventory", reason=str(error)) from error


def _built(document: dict[str, Any], **fields: Any) -> build.Outcome:
    try:
        return build.build(document, **fields)
    except build.Refused as refused:
        raise _no_inventory(refused.problems, {}) from refused


def size_of(text: str) -> dict[str, int]:
    """How many hosts and VMs an inventory file describes.

    Raises:
        InvalidArgument: it cannot be made; `reason` is the first problem, `others` are those after it, each with its
            line.
    """
    outcome = build.preview(document_of(text))
    if outcome.problems:
        raise _no_inventory(outcome.problems, places.lines_of(text))
    return {"hosts": outcome.counts["hosts"], "vms": outcome.counts["vms"]}


def _no_inventory(problems: Sequence[build.Problem], lines: Mapping[str, int]) -> faults.InvalidArgument:
    said = [_with_line(one, places.line_at(lines, one.where)) for one in problems[:PROBLEMS_SHOWN]]
    return faults.InvalidArgument(property="inventory", reason=said[0], others=said[1:])


def _with_line(problem: build.Problem, line: int | None) -> str:
    plain = f"{problem.where}: {problem.text}"
    return plain if line is None else gettext("line %(line)s, %(problem)s") % {"line": line, "problem": plain}


# --- captured labs and checkpoints -----------------------------------------------------------------------------------
def folder() -> Path:
    """Where captured labs are kept."""
    return Path(settings.DATA_DIR) / "classroom"


def new_file() -> str:
    """The name of a file for another captured lab."""
    return f"{uuid.uuid4()}.lab"


def capture(vcenter: VCenter, name: str) -> None:
    """Keep a running lab for templates, as the file of that name. It goes on meanwhile."""
    archive.write(folder() / name, checkpoints.export(vcenter))


def captured(template: LabTemplate) -> bytes:
    """The bytes of a captured lab. Raises InvalidState where they have gone."""
    try:
        return (folder() / template.capture).read_bytes()
    except OSError as error:
        raise faults.InvalidState(name=template.name, reason=_("the captured lab has gone")) from error


def forget(template: LabTemplate) -> None:
    """Delete a template's captured lab."""
    if template.capture:
        archive.remove(folder() / template.capture)


def forget_stillborn(file: str) -> None:
    """Delete what was captured for a template that has not come to be; one that is there keeps its file."""
    if not LabTemplate.objects.filter(capture=file).exists():
        archive.remove(folder() / file)


def rewind(vcenter: VCenter) -> bool:
    """Go back to the beginning that was kept when the lab was made; False where none was, since the template's numbers
    give the same lab again. A checkpoint of the same name that somebody took later is another one."""
    start = Checkpoint.objects.filter(vcenter=vcenter, name=START, by=None, by_name="").first()
    if start is not None:
        checkpoints.rewind(start, None)
    return start is not None


def keep_start(vcenter: VCenter) -> None:
    """Take the checkpoint that `rewind` goes back to."""
    checkpoints.take(vcenter, None, START)
