"""Tags of the scheduler's pages."""

from __future__ import annotations

from typing import Any

from django import template

from scheduler import words

register = template.Library()


@register.filter
def help_of(field: Any, value: Any) -> Any:
    """The line of help of one choice of a field, "" where there is none."""
    return getattr(field.field, "helps", {}).get(str(value), "")


@register.filter
def recommendation_text(row: Any) -> str:
    """What a recommendation asks for."""
    return words.action(row.kind, row.vm_name, row.source_name, row.destination_name)


@register.filter
def reason_text(row: Any) -> str:
    """Why, in the person's language."""
    return words.sentence(row.text, row.fields)


@register.filter
def problem_text(problem: str) -> str:
    """What DRS was at when it met a fault."""
    return words.problem(problem)


@register.filter
def priority_text(priority: int) -> Any:
    return words.PRIORITIES.get(priority, priority)


@register.filter
def recommendation_icon(row: Any) -> str:
    return "two-way-arrows" if row.kind == "migrate" else "power"
