"""Beginning an exercise again, in a worker: the lab goes back to how it was made, then the start state is prepared.

That takes seconds, and no page waits for it: what is under way lies in Redis, where the panel reads it. A worker that
dies leaves a mark that fades after `KEPT_S`; then the student may ask again.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from classroom.exercises import attempts, opening
from classroom.models import Lab
from domain import faults
from inventory import live, redis
from inventory.models import VCenter
from inventory.waking import tell

KEPT_S = 120  # longer than a reset ever takes
RESETTING, PREPARING, FAILED = "resetting", "preparing", "failed"
WORDS = {
    RESETTING: _("The lab goes back to its beginning…"),
    PREPARING: _("The exercise is being prepared…"),
}


@dataclass(frozen=True, slots=True)
class Restart:
    """`lesson` is its slug; `fault` is set where it has failed."""

    token: str
    lesson: str
    phase: str
    fault: dict[str, Any] | None = None

    @property
    def running(self) -> bool:
        return self.phase != FAILED

    @property
    def words(self) -> Any:
        return WORDS.get(self.phase, "")


def _key(vcenter: VCenter) -> str:
    return f"classroom:restart:{vcenter.uuid}"


def of(lab: Lab) -> Restart | None:
    """The restart that is under way or has failed a moment ago; None where there is none, or Redis is away."""
    try:
        kept = redis.ask(lambda client: client.get(_key(lab.vcenter)))
    except redis.Offline:
        return None
    return Restart(**json.loads(kept)) if kept else None


def ask(user: Any, lab: Lab, slug: str) -> None:
    """Let a worker take the lab back and begin the lesson.

    Raises:
        NoPermission: somebody else drives, or the person does not work in this lab.
        NotFound: no such lesson, or it is not open in this lab.
        TaskInProgress: a restart is under way.
        InvalidState: no worker can be told now.
    """
    attempts.allowed(user, lab)
    opening.require(lab, slug)
    begun = of(lab)
    if begun is not None and begun.running:
        raise faults.TaskInProgress(name=lab.vcenter.name, task=str(begun.words))
    mark = Restart(secrets.token_hex(8), slug, RESETTING)
    _mark(lab, mark)
    transaction.on_commit(lambda: _wake(lab, user, mark))


def _wake(lab: Lab, user: Any, mark: Restart) -> None:
    from classroom import tasks

    if not tell(tasks.restart_exercise.apply_async, lab.pk, user.pk, mark.lesson, mark.token):
        _mark(lab, Restart(mark.token, mark.lesson, FAILED, _no_worker(lab).to_dict()))


def _no_worker(lab: Lab) -> faults.InvalidState:
    return faults.InvalidState(name=lab.vcenter.name, reason="nothing can be started now; try again in a moment")


def _mark(lab: Lab, restart: Restart) -> None:
    """Note how far it is, and tell the open pages.

    Raises:
        InvalidState: Redis is away, and with it the workers.
    """
    text = json.dumps({"token": restart.token, "lesson": restart.lesson, "phase": restart.phase,
                       "fault": restart.fault})  # fmt: skip
    try:
        redis.ask(lambda client: client.set(_key(lab.vcenter), text, ex=KEPT_S))
    except redis.Offline:
        raise _no_worker(lab) from None
    live.publish(lab.vcenter, [("notes.changed",)])


def _forget(lab: Lab) -> None:
    try:
        redis.ask(lambda client: client.delete(_key(lab.vcenter)))
    except redis.Offline:
        return
    finally:
        live.publish(lab.vcenter, [("notes.changed",)])


def work(lab_id: int, user_id: int, slug: str, token: str) -> None:
    """Do it, once: a job that comes a second time finds another mark, or none. A refusal is told in the panel."""
    from classroom.services.labs import reset

    lab = _lab(lab_id)
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    known = of(lab) if lab is not None else None
    if lab is None or user is None or known is None or known.token != token or not known.running:
        return
    try:
        attempts.allowed(user, lab)
        reset(lab)
        fresh = _lab(lab_id)
        assert fresh is not None
        _mark(fresh, Restart(token, slug, PREPARING))
        attempts.begin(user, fresh, slug)
        _forget(fresh)
    except faults.MethodFault as fault:
        _mark(lab, Restart(token, slug, FAILED, fault.to_dict()))


def _lab(pk: int) -> Lab | None:
    return Lab.objects.select_related("course", "vcenter", "student", "template").filter(pk=pk).first()
