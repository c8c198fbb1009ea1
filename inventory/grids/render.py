"""Cells as markup for pages and as plain values for CSV files."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from domain.counters import COUNTERS
from inventory import format as units
from inventory import words
from inventory.grids.columns import Column, Facts, Style

ALARMING_PCT, WARNING_PCT = 90, 75


@lru_cache(maxsize=512)
def svg(name: str, extra: str = "") -> SafeString:
    """An icon of the sprite. Kept: a page of a grid has a hundred of them."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        extra, static("vendor/clarity-icons.svg"), name,
    )  # fmt: skip


def icon_of(obj: Any) -> str:
    return words.kind(obj).icon


def cell(column: Column, row: Any, facts: Facts, base: str) -> SafeString:
    """The content of one cell; `base` is the address of the vCenter, under which every object lies."""
    value = column.value(row, facts)
    if column.style == Style.NAME:
        return _name(row, base)
    if column.style == Style.LINK:
        return _link(value, base)
    if column.style == Style.STATE:
        return _state(column, value)
    if column.style == Style.BAR:
        return _bar(column, row, value)
    if column.numeric:
        return _number(column, row, value)
    return format_html("{}", plain_text(column, value))


def _name(row: Any, base: str) -> SafeString:
    state = words.state(row)
    badge = svg(state.badge, f"badge tone-{state.tone}") if state and state.badge else mark_safe("")
    return format_html(
        '<a href="{}{}/" tabindex="-1"><span class="object-icon">{}{}</span>{}</a>',
        base, row.moref, svg(words.kind(row).icon), badge, row.name,
    )  # fmt: skip


def _link(target: Any, base: str) -> SafeString:
    if target is None or not target.name:
        return mark_safe("")
    return format_html('<a href="{}{}/" tabindex="-1">{}</a>', base, target.moref, target.name)


def word_of(column: Column, value: Any) -> words.Word:
    if isinstance(value, words.Word) or column.enum is None:
        return value if isinstance(value, words.Word) else words.UNKNOWN
    return words.of(column.enum, value)


def _state(column: Column, value: Any) -> SafeString:
    word = word_of(column, value)
    return format_html(
        '<span class="state" title="{}">{}{}</span>', word.hint, svg(word.icon, f"tone-{word.tone}"), word.label
    )


def _figure(column: Column, row: Any) -> SafeString:
    """Attributes by which the live push finds the cell."""
    if not column.counter:
        return mark_safe("")
    unit = COUNTERS[column.counter].unit
    return format_html(' data-figure="{}:{}" data-unit="{}"', row.moref, column.counter, unit)


def _bar(column: Column, row: Any, value: float | None) -> SafeString:
    """A share of 100 as a bar and a figure. A <progress> needs no style attribute, which our CSP would refuse."""
    figure = _figure(column, row)
    if value is None:
        return format_html('<span class="bar"><span{}>{}</span></span>', figure, units.NOTHING)
    tone = "error" if value >= ALARMING_PCT else "warn" if value >= WARNING_PCT else "ok"
    return format_html(
        '<span class="bar"><progress class="tone-{}" max="100" value="{}" aria-hidden="true"{}></progress>'
        "<span{}>{}</span></span>",
        tone, round(value, 1), figure, figure, units.pct(value),
    )  # fmt: skip


def _number(column: Column, row: Any, value: Any) -> SafeString:
    return format_html("<span{}>{}</span>", _figure(column, row), plain_text(column, value))


def _with_limit(form: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: _("Unlimited") if value == -1 else form(value)


_FORMS: dict[Style, Callable[[Any], str]] = {
    Style.BYTES: units.size,
    Style.MIB: _with_limit(units.mib),
    Style.MHZ: _with_limit(units.mhz),
    Style.PERCENT: units.pct,
    Style.BAR: units.pct,
    Style.NUMBER: units.number,
    Style.DURATION: units.duration,
    Style.YES_NO: lambda value: _("Yes") if value else _("No"),
}


def plain_text(column: Column, value: Any) -> str:
    form = _FORMS.get(column.style)
    if form:
        return form(value)
    return "" if value is None else str(value)


# --- CSV -------------------------------------------------------------------------------------------------------------
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_value(column: Column, row: Any, facts: Facts) -> str | float | int:
    """A raw number in its base unit, or text that no spreadsheet takes for a formula."""
    value = column.value(row, facts)
    if column.numeric:
        return "" if value is None else round(float(value), 3)
    if column.style == Style.STATE:
        return str(word_of(column, value))
    if column.style == Style.LINK:
        return harmless("" if value is None else value.name)
    return harmless(plain_text(column, value))


def harmless(text: str) -> str:
    """OWASP's advice: a leading apostrophe keeps `=cmd()` a text."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


CSV_UNITS = {
    Style.BYTES: "B", Style.MIB: "MB", Style.MHZ: "MHz", Style.PERCENT: "%", Style.BAR: "%", Style.DURATION: "s",
}  # fmt: skip


def csv_header(column: Column) -> str:
    unit = CSV_UNITS.get(column.style) or (column.unit if column.style == Style.NUMBER else "")
    return f"{column.label} ({unit})" if unit else str(column.label)
