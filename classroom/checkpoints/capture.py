"""Everything a lab is, taken together; and the same as the present of a vCenter.

Whoever calls holds the lease of the vCenter's fleet (`held`), so that no beat runs meanwhile.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import now

from classroom.checkpoints import jobs, rows
from classroom.checkpoints.archive import Archive, Damaged
from domain import faults
from domain.states import TaskState
from inventory import fleet, metrics, redis
from inventory.models import Event, Task, VCenter

PATIENCE_S = 60.0
LIVE = jobs.LIVE
# What of the vCenter's own row goes back with its lab. Its numbers for references and events only ever grow: history
# and the audit log name objects by them.
CARRIED = (
    "driver",
    "seed",
    "timezone",
    "clock_speed",
    "config_version",
    "fleet_seq",
    "fault_rates",
    "trace_sets",
    "options",
)
# Settings of the moment, not of the lab.
PASSING = ("run_until",)


def held(vcenter: VCenter) -> AbstractContextManager[None]:
    """Hold the lease of the fleet, so that no beat runs; `vcenter` is read anew.

    Raises:
        ResourceInUse: the fleet stayed busy for `PATIENCE_S` seconds.
    """
    return fleet.held(vcenter, PATIENCE_S)


# --- taking ----------------------------------------------------------------------------------------------------------
def taken(vcenter: VCenter, asked: Task | None = None) -> Archive:
    """The lab as it is, without the task that `asked` for it: whoever comes back finds no task that is taking it.

    Rows are read in one transaction, under the lock that numbers are handed out by.
    """
    with transaction.atomic():
        current = VCenter.objects.select_for_update().get(pk=vcenter.pk)
        lab_s = current.lab_seconds()
        data = rows.of(current)
        if asked is not None:
            rows.leave_out(data, asked)
        store = fleet.store_of(current)
        blob, commands = store.load(), store.pending()
    facts = {name: getattr(current, name) for name in CARRIED}
    facts["options"] = {name: value for name, value in current.options.items() if name not in PASSING}
    facts |= {"lab_s": lab_s, "lab_epoch": current.lab_epoch.isoformat(), "vcenter": str(current.uuid)}
    sections = {"rows": json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()}
    if blob is not None:
        sections["fleet"] = blob
    sections["commands"] = json.dumps([command.decode() for command in commands]).encode()
    return Archive(facts, sections | _figures(current))


def _figures(vcenter: VCenter) -> dict[str, bytes]:
    folder = metrics.folder(vcenter)
    found = {f"figures/{file.name}": file.read_bytes() for file in sorted(folder.glob("*")) if file.suffix != ".new"}
    latest: Any = redis.patient().get(metrics.live_key(vcenter))
    return found | ({"latest": bytes(latest)} if latest else {})


def data_of(archive: Archive) -> rows.Data:
    """The rows in a checkpoint. Raises Damaged."""
    try:
        data: rows.Data = json.loads(archive.sections["rows"])
    except (KeyError, ValueError) as error:
        raise Damaged("it has no rows") from error
    return data


# --- going back ------------------------------------------------------------------------------------------------------
def go_back(vcenter: VCenter, archive: Archive, asked: Task | None = None) -> list[Task]:
    """Make the checkpoint the present of its own vCenter; returns the live tasks of the past that is given up, without
    the one that `asked` for it: that one lives on.

    Runs in the caller's transaction, whose commit is the one moment of change: the new timeline's fleet and figures lie
    under names of their own, which nobody reads before.
    """
    data = data_of(archive)
    abandoned = _abandoned(vcenter, data)
    if asked is not None:  # it holds its object no longer: in the checkpoint another task may hold it
        Task.objects.filter(pk=asked.pk).update(exclusive=False)
    rows.delete(vcenter, {Task: [task.pk for task in abandoned]})
    rows.restore(data)
    rows.mend_outsiders(vcenter)
    before = VCenter.objects.get(pk=vcenter.pk)
    vcenter.timeline = before.timeline + 1
    vcenter.next_id, vcenter.next_event_key = before.next_id, before.next_event_key
    _number(vcenter, data)
    _turn(vcenter, archive.facts)
    vcenter.save(update_fields=["timeline", "clock_lab_s", "clock_wall", "lab_epoch", *CARRIED])
    commands = [command.encode() for command in json.loads(archive.sections["commands"])]
    _begin(vcenter, archive, archive.sections.get("fleet"), commands)
    transaction.on_commit(lambda: forget(before))
    return [task for task in abandoned if task != asked]


def _abandoned(vcenter: VCenter, data: rows.Data) -> list[Task]:
    table = data[Task._meta.label]
    key = table["columns"].index("id")
    known = {row[key] for row in table["rows"]}
    live = Task.objects.filter(vcenter=vcenter, state__in=LIVE)
    return [task for task in live if task.pk not in known]


def _turn(vcenter: VCenter, facts: Mapping[str, Any]) -> None:
    for name in CARRIED:
        setattr(vcenter, name, facts[name])
    vcenter.clock_lab_s, vcenter.clock_wall = float(facts["lab_s"]), now()
    vcenter.lab_epoch = parse_datetime(facts["lab_epoch"]) or vcenter.lab_epoch


def _begin(vcenter: VCenter, archive: Archive, blob: bytes | None, commands: list[bytes]) -> None:
    """Lay out fleet and figures of a timeline that has not begun yet."""
    fleet.store_of(vcenter).plant(blob, commands)
    folder = metrics.folder(vcenter)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in archive.sections.items():
        if name.startswith("figures/"):
            (folder / name.removeprefix("figures/").replace("/", "_")).write_bytes(content)
    if "latest" in archive.sections:
        redis.patient().set(metrics.live_key(vcenter), archive.sections["latest"])


def forget(past: VCenter) -> None:
    """Drop fleet and figures of a timeline that is over."""
    fleet.store_of(past).abandon()
    metrics.drop(past)


def forget_stillborn(uuid: str) -> None:
    """Drop what is laid out for a vCenter that has not come to be; one that is there keeps everything."""
    if not VCenter.objects.filter(uuid=uuid).exists():
        forget(VCenter(uuid=uuid))


# --- copying ---------------------------------------------------------------------------------------------------------
def plant(archive: Archive, **fields: Any) -> VCenter:
    """A new vCenter (`fields`: name, owner, …) in the state of the checkpoint. Permissions are not copied.

    Where operations were under way, the copy begins without them: they end as cancelled, and its fleet is built from
    the inventory. Otherwise it goes on with the very state of the original.
    """
    with transaction.atomic():
        vcenter = VCenter(**fields)
        _turn(vcenter, archive.facts)
        for name in set(fields) & set(CARRIED):
            setattr(vcenter, name, fields[name])
        vcenter.save()
        data = data_of(archive)
        rows.plant(vcenter, data)
        _number(vcenter, data)
        busy = Task.objects.filter(vcenter=vcenter, state__in=LIVE)
        at_fleet = busy.exclude(operation__in=jobs.JOBS)  # of jobs the fleet knows nothing
        waits = at_fleet.exists() or json.loads(archive.sections["commands"]) != []
        _begin(vcenter, archive, None if waits else archive.sections.get("fleet"), [])
        end(busy, faults.CancelledByRewind(user="System", checkpoint=vcenter.name), vcenter.clock_lab_s)
    return vcenter


def end(tasks: Iterable[Task] | QuerySet[Task], fault: faults.MethodFault, lab_s: float) -> None:
    """Close tasks whose work nobody does any more."""
    Task.objects.filter(pk__in=[task.pk for task in tasks]).update(
        state=TaskState.ERROR, cancelled=True, cancelable=False, fault=fault.to_dict(), phase="", lease_until=None,
        completed_at=now(), completed_lab_s=lab_s, parent=None,
    )  # fmt: skip


def _number(vcenter: VCenter, data: rows.Data) -> None:
    """Go on numbering behind everything that comes along, history included; a reset may have begun anew since."""
    tops = {"moref": vcenter.next_id - 1, "key": vcenter.next_event_key - 1}
    for label, table in data.items():
        name = "key" if label == Event._meta.label else "moref"
        if name in table["columns"]:
            place = table["columns"].index(name)
            tails = (str(row[place]).rpartition("-")[2] for row in table["rows"])
            tops[name] = max([tops[name], *(int(tail) for tail in tails if tail.isdecimal())])
    vcenter.next_id, vcenter.next_event_key = tops["moref"] + 1, tops["key"] + 1
    vcenter.save(update_fields=["next_id", "next_event_key"])
