"""Lessons as data: `classroom/lessons/<slug>/lesson.yaml` with `text.en.md` and `text.ko.md`, read once.

order: 3
title: {en: …, ko: …}
minutes: 30
start: {…}                 what is prepared in the lab, see `preparing`; its `day`, see `days`
steps:
  - key: word
    title, text, look: {en: …, ko: …}     what to do (Markdown), and where to look
    points: 10
    hints: [{cost: 2, text: {en: …, ko: …}}]
    button: {label: {en: …, ko: …}, do: [act, …]}    what the panel does for the student, where that is the point
    check: …               see `predicates`
solution: [act, …]         the model solution, calls of the public interface, see `acts`
wrong: {do: [act, …], done: [key, …]}     a plausible wrong way, and the steps that it does solve
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import get_language

from classroom.exercises import days
from classroom.exercises.acts import Act, read_acts
from classroom.exercises.notation import Block, NotationError, load
from classroom.exercises.predicates import Check, parse

FOLDER = Path(__file__).resolve().parent.parent / "lessons"
LANGUAGES = ("en", "ko")
STEP_KEYS = ("key", "title", "text", "look", "points", "hints", "button", "check")
LESSON_KEYS = ("order", "title", "summary", "minutes", "start", "steps", "solution", "wrong")
START_KEYS = ("needs", "cluster", "vms", "pools", "rules", "acts", "speed", "day")


@dataclass(frozen=True, slots=True)
class Said:
    """A text in the languages of the product."""

    words: Mapping[str, str]

    def __str__(self) -> str:
        return self.words.get((get_language() or "en")[:2]) or self.words["en"]


@dataclass(frozen=True, slots=True)
class Hint:
    cost: int
    text: Said


@dataclass(frozen=True, slots=True)
class Button:
    label: Said
    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    title: Said
    text: Said
    look: Said
    points: int
    hints: tuple[Hint, ...]
    button: Button | None
    check: Check

    def points_after(self, hints: int) -> int:
        """What the step is worth once so many hints have been opened."""
        return max(0, self.points - sum(h.cost for h in self.hints[:hints]))


@dataclass(frozen=True, slots=True)
class Lesson:
    slug: str
    order: int
    title: Said
    summary: Said
    minutes: int
    body: Said
    start: Mapping[str, Any]
    steps: tuple[Step, ...]
    solution: tuple[Act, ...]
    wrong: tuple[Act, ...]
    wrong_done: tuple[str, ...]
    day: days.Day | None = None

    @property
    def points(self) -> int:
        return sum(step.points for step in self.steps)

    def step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)


@cache
def lessons() -> dict[str, Lesson]:
    """Every lesson by its slug, in order.

    Raises:
        NotationError: a lesson is wrong; its reason begins with the file.
    """
    found = [read(folder) for folder in sorted(FOLDER.iterdir()) if (folder / "lesson.yaml").exists()]
    return {lesson.slug: lesson for lesson in sorted(found, key=lambda one: one.order)}


def find(slug: str) -> Lesson | None:
    return lessons().get(slug)


def read(folder: Path) -> Lesson:
    """A lesson from its folder."""
    try:
        body = Said({one: (folder / f"text.{one}.md").read_text(encoding="utf-8") for one in LANGUAGES})
        return _lesson(folder.name, load((folder / "lesson.yaml").read_text(encoding="utf-8")), body)
    except NotationError as error:
        raise NotationError(error.line, f"{folder.name}: {error.reason}") from None


def _lesson(slug: str, data: Any, body: Said) -> Lesson:
    if not isinstance(data, Block):
        raise NotationError(0, "a lesson is a mapping")
    data.refuse_unknown(*LESSON_KEYS)
    wrong, start = data.need("wrong"), data.need("start")
    wrong.refuse_unknown("do", "done")
    start.refuse_unknown(*START_KEYS)
    steps = tuple(_step(one) for one in data.need("steps"))
    keys = [step.key for step in steps]
    if len(set(keys)) != len(keys):
        raise NotationError(data.at("steps"), "two steps have the same key")
    unknown = set(wrong.get("done", ())) - set(keys)
    if unknown:
        raise NotationError(wrong.line, f"unknown step “{min(unknown)}”")
    return Lesson(
        slug=slug,
        order=int(data.need("order")),
        title=_said(data, "title"),
        summary=_said(data, "summary"),
        minutes=int(data.need("minutes")),
        body=body,
        start=start,
        steps=steps,
        solution=read_acts(data.need("solution"), data.at("solution")),
        wrong=read_acts(wrong.need("do"), wrong.at("do")),
        wrong_done=tuple(wrong.get("done", ())),
        day=days.read(start["day"], start.at("day")) if "day" in start else None,
    )


def _step(data: Any) -> Step:
    if not isinstance(data, Block):
        raise NotationError(0, "a step is a mapping")
    data.refuse_unknown(*STEP_KEYS)
    return Step(
        key=str(data.need("key")),
        title=_said(data, "title"),
        text=_said(data, "text"),
        look=_said(data, "look"),
        points=int(data.need("points")),
        hints=tuple(_hint(one) for one in data.get("hints", ())),
        button=_button(data["button"]) if "button" in data else None,
        check=parse(data.need("check"), data.at("check")),
    )


def _hint(data: Block) -> Hint:
    data.refuse_unknown("cost", "text")
    return Hint(int(data.need("cost")), _said(data, "text"))


def _button(data: Block) -> Button:
    data.refuse_unknown("label", "do")
    return Button(_said(data, "label"), read_acts(data.need("do"), data.at("do")))


def _said(data: Block, key: str) -> Said:
    words = data.need(key)
    if not isinstance(words, Block) or set(words) != set(LANGUAGES) or not all(str(w).strip() for w in words.values()):
        raise NotationError(data.at(key), f"“{key}” needs a text in {' and '.join(LANGUAGES)}")
    return Said({language: str(text) for language, text in words.items()})


def opened(slugs: Sequence[str]) -> list[Lesson]:
    """The lessons with these slugs that still exist, in the order given."""
    return [lesson for slug in slugs if (lesson := find(slug))]
