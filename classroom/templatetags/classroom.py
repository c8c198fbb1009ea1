"""Tags of the classroom's pages: people, class-wide work, how long ago."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from classroom.models import Batch
from classroom.sabotage.cards import KINDS
from classroom.services.batch_verbs import VERBS
from inventory import format as forms
from inventory import words

register = template.Library()

BATCH_WORDS = {
    "make": _("Making labs"), "reset": _("Resetting labs"), "delete": _("Deleting labs"), "pause": _("Pausing labs"),
    "resume": _("Resuming labs"), "speed": _("Changing clock speeds"), "freeze": _("Freezing labs"),
    "thaw": _("Thawing labs"), "copy": _("Copying a lab"), "capture": _("Capturing a template"),
    "sabotage": _("Drawing a sabotage card"), "passwords": _("Setting first passwords"),
}  # fmt: skip


@register.filter
def person(user: Any) -> str:
    """How somebody is called: the full name, else the user name."""
    return (user.get_full_name() or user.get_username()) if user is not None else forms.NOTHING


@register.filter
def batch_word(batch: Batch) -> str:
    """What is being done to the class."""
    word = str(BATCH_WORDS.get(batch.verb, batch.verb))
    card = KINDS.get(batch.args.get("card", ""))
    return f"{word} ({card.label})" if card else word


OF_PEOPLE = "passwords"  # the verb whose items are students; those of all others are labs


@register.filter
def batch_done(batch: Batch) -> str:
    """How far it is."""
    fields = {"done": forms.number(batch.done, 0), "total": forms.number(batch.total, 0)}
    if batch.verb == OF_PEOPLE:
        return gettext("%(done)s of %(total)s students") % fields
    return gettext("%(done)s of %(total)s labs") % fields


@register.filter
def batch_many(batch: Batch) -> str:
    """How many it concerns, of one that has not begun."""
    n = batch.total
    if batch.verb == OF_PEOPLE:
        return ngettext("%(n)s student", "%(n)s students", n) % {"n": forms.number(n, 0)}
    return ngettext("%(n)s lab", "%(n)s labs", n) % {"n": forms.number(n, 0)}


@register.filter
def batch_cancellable(batch: Batch) -> bool:
    """It can be taken back, or ended before its next lab."""
    left = batch.state == Batch.QUEUED or batch.done < batch.total - 1
    return VERBS[batch.verb].cancellable and left and not batch.cancelled_by


@register.filter
def batch_cancelled(batch: Batch) -> str:
    """Who took it back, and how much was done by then."""
    fields = {"by": batch.cancelled_by, "done": forms.number(batch.done, 0), "total": forms.number(batch.total, 0)}
    if not batch.done:
        return gettext("cancelled by %(by)s before it began.") % fields
    return gettext("cancelled by %(by)s after %(done)s of %(total)s.") % fields


@register.filter
def batch_left_out(batch: Batch) -> str:
    """How many it was not done to; why is said below, one by one."""
    n = len(batch.errors)
    fields = {"n": forms.number(n, 0), "total": forms.number(batch.total, 0)}
    if batch.total == 1:
        return gettext("It was not done.")
    if batch.verb == OF_PEOPLE:
        return (
            ngettext("%(n)s of %(total)s students was left out.", "%(n)s of %(total)s students were left out.", n)
            % fields
        )
    return ngettext("%(n)s of %(total)s labs was left out.", "%(n)s of %(total)s labs were left out.", n) % fields


@register.filter
def batch_reasons(batch: Batch) -> list[tuple[str, str]]:
    """(names, why) of what it was not done to: forty labs with one reason are one line."""
    named: dict[str, list[str]] = {}
    for error in batch.errors:
        named.setdefault(words.fault_sentence(error), []).append(error["name"])
    return [(", ".join(sorted(filter(None, names))), why) for why, names in named.items()]


@register.filter
def percent(value: float) -> str:
    """A score between 0 and 100 as people read it."""
    return f"{forms.number(round(value), 0)}%"


@register.filter
def ago(minutes: int | None) -> str:
    """Minutes since somebody was there, in words."""
    if minutes is None:
        return gettext("Never there")
    if minutes < 1:
        return gettext("Now")
    if minutes >= 120:
        return ngettext("%(n)s hour ago", "%(n)s hours ago", minutes // 60) % {"n": minutes // 60}
    return ngettext("%(n)s minute ago", "%(n)s minutes ago", minutes) % {"n": minutes}
