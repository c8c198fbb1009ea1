"""What people may do with checkpoints. The right is `Lab.Manage` on the vCenter: the owner's and the teacher's."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction

from classroom.checkpoints import archive, capture, jobs
from classroom.checkpoints.jobs import Says, silent
from classroom.models.checkpoints import Checkpoint, folder
from domain import faults
from domain.text import _
from inventory import audit
from inventory.journal import changing
from inventory.models import Event, Host, Permission, Task, VCenter, VirtualMachine
from inventory.services.base import check, instant, unique, valid_name
from inventory.services.exchange import IMPORT, may_import
from inventory.services.folders import root_folder

log = structlog.get_logger(__name__)
MOST = 20  # of one vCenter
PRIVILEGE = jobs.PRIVILEGE
WAITING, READING = _("Waiting for the simulation"), _("Reading the lab")
PACKING, OPENING = _("Packing it"), _("Reading the checkpoint")
TURNING, PLANTING = _("Putting everything back"), _("Making the copy")


@dataclass(frozen=True, slots=True)
class Radius:
    """What a rewind takes away: lab seconds, and how many VMs, hosts, live tasks and events came since."""

    lab_s: float
    vms_added: int
    vms_gone: int
    hosts_added: int
    hosts_gone: int
    live_tasks: int
    events: int


def may_take(vcenter: VCenter, user: Any, name: str) -> str:
    """The name as it will be kept.

    Raises:
        NoPermission, InvalidName, DuplicateName: as usual.
        LimitExceeded: the vCenter has `MOST` checkpoints.
    """
    check(user, PRIVILEGE, vcenter)
    name = valid_name(name)
    rows = Checkpoint.objects.filter(vcenter=vcenter)
    unique(rows, name)
    if rows.count() >= MOST:
        raise faults.LimitExceeded(property="checkpoints", limit=MOST)
    return name


def take(vcenter: VCenter, user: Any, name: str, asked: Task | None = None, says: Says = silent) -> Checkpoint:
    """Keep the lab as it is now. It goes on meanwhile; no beat runs for the fraction of a second that this takes.
    `asked`: the task that asked for it, which ends well with it and is no part of what is kept.

    Raises:
        NoPermission, InvalidName, DuplicateName, LimitExceeded: as `may_take` says, or the lab is too large for one.
        ResourceInUse: the simulation stayed busy.
    """
    name = may_take(vcenter, user, name)
    started = time.monotonic()
    says(WAITING, 5)
    with capture.held(vcenter):
        says(READING, 20)
        taken = capture.taken(vcenter, asked)
    says(PACKING, 60)
    checkpoint = _kept(vcenter, user, taken, name, asked)
    log.info("checkpoint.taken", vcenter=str(vcenter.uuid), bytes=checkpoint.size, seconds=time.monotonic() - started)
    return checkpoint


def _kept(vcenter: VCenter, user: Any, taken: archive.Archive, name: str, asked: Task | None) -> Checkpoint:
    data = _packed(taken)
    lab_s = float(taken.facts["lab_s"])
    checkpoint = Checkpoint(
        vcenter=vcenter, name=name, lab_s=lab_s, lab_time=vcenter.lab_datetime(lab_s), size=len(data),
        path=asked.args["path"] if asked is not None else new_path(vcenter), sha256=hashlib.sha256(data).hexdigest(),
        hosts=Host.objects.filter(vcenter=vcenter).count(), vms=VirtualMachine.objects.filter(vcenter=vcenter).count(),
        by=user, by_name=user.get_username() if user is not None else "",
    )  # fmt: skip
    archive.write(checkpoint.file, data)
    try:
        with changing(vcenter, user) as change:
            unique(Checkpoint.objects.filter(vcenter=vcenter), name)
            checkpoint.save()
            root, result = root_folder(vcenter), {"checkpoint": name}
            if asked is None:
                checkpoint.task = instant(change, "Lab.takeCheckpoint", root, result=result)
            else:
                checkpoint.task = jobs.finish(change, asked, result)
            change.changed(root)
    except Exception:
        checkpoint.file.unlink(missing_ok=True)
        raise
    return checkpoint


def new_path(vcenter: VCenter) -> str:
    """Where the file of another checkpoint goes, below `folder()`."""
    return f"{vcenter.uuid}/{uuid.uuid4()}.lab"


def _packed(taken: archive.Archive) -> bytes:
    try:
        return taken.to_bytes()
    except ValueError:
        raise faults.LimitExceeded(property="checkpoint", limit=f"{archive.FILE_MAX >> 20} MB") from None


def rewind(checkpoint: Checkpoint, user: Any, asked: Task | None = None, says: Says = silent) -> Task:
    """Take the lab back: inventory, fleet, figures, tasks, events and clock are those of the checkpoint again.

    What is under way ends as cancelled; permissions, the audit log and checkpoints stay as they are now. `asked`: the
    task that asked for it, the only live one that outlives its timeline, which ends well with it; without one, one is
    written.

    Raises:
        NoPermission: as usual.
        InvalidState: the checkpoint's file is damaged; nothing was changed.
        ResourceInUse: the simulation stayed busy.
    """
    vcenter = checkpoint.vcenter
    check(user, PRIVILEGE, vcenter)
    says(OPENING, 5)
    kept = read(checkpoint)
    with capture.held(vcenter):
        says(TURNING, 40)
        with transaction.atomic():
            VCenter.objects.select_for_update().get(pk=vcenter.pk)
            given_up_s = vcenter.lab_seconds()
            abandoned = capture.go_back(vcenter, kept, asked)
            name = user.get_username() if user is not None else "System"
            fault = faults.CancelledByRewind(user=name, checkpoint=checkpoint.name)
            capture.end([*abandoned, *_other_jobs(vcenter, asked)], fault, given_up_s)
            _drop_stray_permissions(vcenter, kept)
            task = _told(checkpoint, vcenter, user, asked)
    log.info("checkpoint.rewound", vcenter=str(vcenter.uuid), checkpoint=checkpoint.name, cancelled=len(abandoned))
    return task


def _other_jobs(vcenter: VCenter, asked: Task | None) -> list[Task]:
    """Those that waited when the checkpoint was taken: the lab must not leave again by itself."""
    rows = Task.objects.filter(vcenter=vcenter, operation__in=jobs.JOBS, state__in=capture.LIVE)
    return list(rows.exclude(pk=asked.pk) if asked is not None else rows)


def _told(checkpoint: Checkpoint, vcenter: VCenter, user: Any, asked: Task | None) -> Task:
    with changing(vcenter, user) as change:
        root = root_folder(vcenter)
        change.event("ClockChangedEvent", root, reason=f"back to “{checkpoint.name}”")
        for fact in ("lab.rewound", "clock.changed"):
            change.fact(fact)
        result = {"checkpoint": checkpoint.name}
        if asked is None:
            return instant(change, "Lab.rewind", root, result=result)
        # Its lab time is that of the timeline it is read in: there it took no time at all.
        Task.objects.filter(pk=asked.pk).update(queued_lab_s=change.lab_s, started_lab_s=change.lab_s)
        return jobs.finish(change, asked, result)


def _drop_stray_permissions(vcenter: VCenter, kept: archive.Archive) -> None:
    """Permissions on objects that have gone with their timeline."""
    there = capture.rows.references(capture.data_of(kept))
    Permission.objects.filter(vcenter=vcenter).exclude(entity__in=[*there, vcenter.moref]).delete()


def read(checkpoint: Checkpoint, *only: str) -> archive.Archive:
    """The checkpoint's contents, or some sections of it, every byte checked.

    Raises:
        InvalidState: the file is damaged or gone.
    """
    try:
        return archive.read(checkpoint.file, only or None)
    except archive.Damaged as damage:
        raise faults.InvalidState(name=checkpoint.name, reason=str(damage)) from damage


def radius(checkpoint: Checkpoint) -> Radius:
    """What going back would take away and bring back. A page waits for it: figures and fleet are left unread."""
    vcenter = checkpoint.vcenter
    data = capture.data_of(read(checkpoint, "rows"))
    vms, hosts = (_difference(model, vcenter, data) for model in (VirtualMachine, Host))
    events = data[Event._meta.label]
    last = max((row[events["columns"].index("key")] for row in events["rows"]), default=0)
    return Radius(
        lab_s=vcenter.lab_seconds() - checkpoint.lab_s,
        vms_added=vms[0], vms_gone=vms[1], hosts_added=hosts[0], hosts_gone=hosts[1],
        live_tasks=Task.objects.filter(vcenter=vcenter, state__in=capture.LIVE).count(),
        events=Event.objects.filter(vcenter=vcenter, key__gt=last).count(),
    )  # fmt: skip


def _difference(model: Any, vcenter: VCenter, data: capture.rows.Data) -> tuple[int, int]:
    """(objects that came since, objects that have gone since), recycle bin not counted."""
    table = data[model._meta.label]
    names = table["columns"]
    gone = names.index("deleted_at") if "deleted_at" in names else None
    then = {row[names.index("moref")] for row in table["rows"] if gone is None or row[gone] is None}
    today = set(model.objects.filter(vcenter=vcenter).values_list("moref", flat=True))
    return len(today - then), len(then - today)


def delete(checkpoint: Checkpoint, user: Any) -> Task:
    """Forget a checkpoint and its file."""
    vcenter = checkpoint.vcenter
    check(user, PRIVILEGE, vcenter)
    with changing(vcenter, user) as change:
        root = root_folder(vcenter)
        checkpoint.delete()
        change.changed(root)
        return instant(change, "Lab.deleteCheckpoint", root, result={"checkpoint": checkpoint.name})


def may_copy(checkpoint: Checkpoint, user: Any) -> None:
    """Raise NoPermission unless the person manages the lab and may make vCenters."""
    check(user, PRIVILEGE, checkpoint.vcenter)
    if user is not None and not may_import(user):
        raise faults.NoPermission(privilege=IMPORT, object=checkpoint.vcenter.name)


def copy(
    checkpoint: Checkpoint, user: Any, name: str, owner: Any = None, asked: Task | None = None, says: Says = silent
) -> VCenter:
    """A new vCenter in the state of the checkpoint, of `owner` (else of `user`), for who may make vCenters. `asked`:
    the task that asked for it, which ends well with it.

    Raises:
        NoPermission, InvalidName: as usual.
        InvalidState: the checkpoint's file is damaged.
    """
    may_copy(checkpoint, user)
    says(OPENING, 5)
    kept = read(checkpoint)
    says(PLANTING, 40)
    whose, origin = owner if owner is not None else user, checkpoint.vcenter
    if asked is None:
        return _planted(kept, user, origin, name=name, owner=whose)
    with changing(VCenter.objects.get(pk=origin.pk), user) as change:
        made = _planted(kept, user, origin, uuid=asked.args["vcenter"], name=name, owner=whose)
        jobs.finish(change, asked, {"vcenter": str(made.uuid), "name": made.name})
    return made


def copy_now(vcenter: VCenter, user: Any, name: str, owner: Any = None, **fields: Any) -> VCenter:
    """A new vCenter in the state of another one now; `fields` are more of its own, such as its `uuid`."""
    check(user, PRIVILEGE, vcenter)
    with capture.held(vcenter):
        taken = capture.taken(vcenter)
    return _planted(taken, user, vcenter, name=name, owner=owner if owner is not None else user, **fields)


def _planted(kept: archive.Archive, user: Any, origin: VCenter, **fields: Any) -> VCenter:
    fields["name"] = valid_name(fields["name"])
    with transaction.atomic():
        made = capture.plant(kept, **fields)
        audit.append(user, "Lab.copy", made, {"of": origin.name})
    return made


def export(vcenter: VCenter) -> bytes:
    """The lab as it is now, as the bytes of a checkpoint: for whoever keeps it elsewhere (a template of a course)."""
    with capture.held(vcenter):
        taken = capture.taken(vcenter)
    return _packed(taken)


def from_bytes(data: bytes, **fields: Any) -> VCenter:
    """A new vCenter (`fields`: name, owner, …) from the bytes of a checkpoint.

    Raises:
        InvalidState: they are damaged.
    """
    try:
        kept = archive.Archive.from_bytes(data)
    except archive.Damaged as damage:
        raise faults.InvalidState(name=str(fields.get("name", "")), reason=str(damage)) from damage
    return capture.plant(kept, **fields)


def forget_file(sender: Any, instance: Checkpoint, **_signal: Any) -> None:
    """The file goes when the row has gone for good."""
    transaction.on_commit(lambda: drop_file(instance.path))


def drop_file(path: str) -> None:
    """Delete the file of a checkpoint, whole or half written; `path` is below `folder()`."""
    file = folder() / path
    archive.remove(file)
    parent = file.parent
    if parent != folder() and parent.is_dir() and not any(parent.iterdir()):
        parent.rmdir()
