"""What the exercise panel and the pages of teachers show: lessons, steps, findings, in the person's words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from classroom.exercises import lessons, markdown, opening, restarts
from classroom.exercises.lessons import Lesson, Step
from classroom.exercises.restarts import Restart
from classroom.exercises.vocabulary import KIND_LABELS, KINDS, WORDS
from classroom.exercises.world import aliases_of
from classroom.models import Attempt, Lab, StepResult
from inventory import format as forms

NO_LIMIT = -1
DONE, CURRENT, LATER = "done", "current", "later"


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as the panel draws it; texts are safe HTML."""

    step: Step
    number: int
    state: str
    points: int  # what it has earned, or is still worth
    hints: Sequence[str] = ()
    next_cost: int | None = None
    text: str = ""
    look: str = ""
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A lesson that may be begun; `best` points of `attempts` attempts."""

    lesson: Lesson
    attempts: int
    best: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """`lesson` and `steps` of the open attempt, or of the one that was finished last."""

    lab: Lab
    may: bool
    offers: Sequence[Offer]
    attempt: Attempt | None = None
    lesson: Lesson | None = None
    body: str = ""
    steps: Sequence[StepView] = field(default_factory=tuple)
    restart: Restart | None = None

    @property
    def open(self) -> bool:
        return self.attempt is not None and self.attempt.state == Attempt.OPEN

    @property
    def digest(self) -> str:
        """Changes with everything that is drawn; a page that knows it need not be sent the same again."""
        known = [
            self.may, self.restart, [(o.lesson.slug, o.attempts, o.best) for o in self.offers],
            self.attempt and (self.attempt.pk, self.attempt.state, self.attempt.points),
            [(s.step.key, s.state, s.points, len(s.hints), list(s.missing)) for s in self.steps],
        ]  # fmt: skip
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


def panel_of(lab: Lab, *, may: bool) -> Panel:
    """Five queries at most, one question to Redis. `may`: the person may do something here, not only look."""
    restart = restarts.of(lab)
    may = may and not (restart is not None and restart.running)
    attempts = list(Attempt.objects.filter(lab=lab).order_by("id"))
    offers = _offers(lab, attempts)
    shown = next((a for a in attempts if a.state == Attempt.OPEN), None)
    if shown is None and attempts and attempts[-1].state == Attempt.FINISHED:
        shown = attempts[-1]
    lesson = lessons.find(shown.lesson) if shown else None
    if shown is None or lesson is None:
        return Panel(lab, may, offers, restart=restart)
    names = aliases_of(lab.vcenter)
    body = markdown.render(str(lesson.body), names)
    return Panel(lab, may, offers, shown, lesson, body, _steps(lesson, shown, names), restart)


def _offers(lab: Lab, attempts: Iterable[Attempt]) -> list[Offer]:
    by_lesson: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_lesson.setdefault(attempt.lesson, []).append(attempt)
    found = []
    for lesson in lessons.opened(opening.in_lab(lab)):
        mine = by_lesson.get(lesson.slug, [])
        finished = any(a.state == Attempt.FINISHED for a in mine)
        found.append(Offer(lesson, len(mine), max((a.points for a in mine), default=0), finished))
    return found


def _steps(lesson: Lesson, attempt: Attempt, names: Mapping[str, str]) -> list[StepView]:
    results = {result.step: result for result in attempt.results.all()}
    views, current_seen = [], False
    for number, step in enumerate(lesson.steps, start=1):
        result = results.get(step.key) or StepResult(step=step.key)
        if result.state == StepResult.DONE:
            text, look = (markdown.render(str(said), names) for said in (step.text, step.look))
            views.append(StepView(step, number, DONE, result.points, text=text, look=look))
        elif current_seen or attempt.state != Attempt.OPEN:
            views.append(StepView(step, number, LATER, step.points))
        else:
            current_seen = True
            views.append(_current(step, number, result, names, looked=attempt.checked_lab_s is not None))
    return views


def _current(step: Step, number: int, result: StepResult, names: Mapping[str, str], *, looked: bool) -> StepView:
    following = step.hints[result.hints] if result.hints < len(step.hints) else None
    return StepView(
        step, number, CURRENT, step.points_after(result.hints),
        hints=[markdown.render(str(h.text), names) for h in step.hints[: result.hints]],
        next_cost=following.cost if following else None,
        text=markdown.render(str(step.text), names),
        look=markdown.render(str(step.look), names),
        missing=[sentence(seen) for seen in result.seen] if looked else (),
    )  # fmt: skip


# --- findings as sentences --------------------------------------------------------------------------------------------
def sentence(seen: Sequence[Any]) -> str:
    """What a check found, as it is kept in `StepResult.seen`."""
    kind, name, what, now, wanted = seen
    if what == "held_min":
        return _("It holds; for %(now)s of %(wanted)s lab minutes so far.") % _numbers(now, wanted)
    if what == "late_min":
        return _("Too late: %(now)s lab minutes have passed, %(wanted)s were allowed.") % _numbers(now, wanted)
    if what == "not":
        return _("Something is still there that must not be.")
    if what == "exists":
        return _("%(kind)s “%(name)s” is not there.") % {"kind": KIND_LABELS[kind], "name": name}
    label = KIND_LABELS.get(kind, kind)
    if what == "gone":
        return _("%(kind)s “%(name)s” is still there.") % {"kind": label, "name": name}
    if what == "count":
        return _counted(kind, name, now, wanted)
    prop = KINDS[kind][what]
    fields = {"name": name, "what": prop.label, "now": _value(now, prop.unit), "wanted": _wanted(wanted, prop.unit)}
    if "_limit_" in what:
        fields |= {
            key: _("unlimited") for key, end in (("now", now), ("wanted", wanted)) if end in (NO_LIMIT, [NO_LIMIT] * 2)
        }
    return _("“%(name)s”, %(what)s: now %(now)s, needed: %(wanted)s.") % fields


def _counted(kind: str, name: str, now: float, wanted: Any) -> str:
    if kind == "event" and not now:
        return _("This has not happened yet: %(name)s.") % {"name": name}
    fields = {"kind": KIND_LABELS.get(kind, kind), "name": name, "now": now, "wanted": _wanted(wanted, "")}
    if name == "*":
        return _("%(kind)s: %(now)s as wanted, needed: %(wanted)s.") % fields
    return _("%(kind)s “%(name)s”: %(now)s as wanted, needed: %(wanted)s.") % fields


def _numbers(now: float, wanted: float) -> dict[str, str]:
    return {"now": forms.number(now, 0), "wanted": forms.number(wanted, 0)}


def _value(value: Any, unit: str) -> str:
    if value is None:
        return _("not known yet")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or _("nothing")
    if isinstance(value, int | float):
        whole = abs(value) >= 10 or float(value).is_integer()
        return f"{forms.number(value, 0 if whole else 2)} {unit}".strip()
    return _word(str(value))


def _word(text: str) -> str:
    return str(WORDS[text]) if text in WORDS else text


def _wanted(wanted: Any, unit: str) -> str:
    """A range [low, high] with None for an open end, a truth, or words of which one fits."""
    if not isinstance(wanted, list):
        return _value(wanted, unit)
    if len(wanted) != 2 or any(isinstance(end, str) for end in wanted):
        return _(" or ").join(_not(str(one)) for one in wanted)
    low, high = wanted
    if low == high:
        return _value(low, unit)
    if low is None:
        return _("at most %(n)s") % {"n": _value(high, unit)}
    if high is None:
        return _("at least %(n)s") % {"n": _value(low, unit)}
    return _("%(low)s to %(high)s") % {"low": _value(low, ""), "high": _value(high, unit)}


def _not(word: str) -> str:
    return _("not %(word)s") % {"word": word[1:]} if word.startswith("!") else _word(word)
