"""Figures and dates as people read them: always with a unit, in the form of their language.

Binary prefixes carry vSphere's short names: 1 GB is 1024 MB. An unknown figure (None, NaN) reads "—".
"""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, ngettext

NOTHING = "—"
BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
DATE_FORMS = {"ko": "%Y. %m. %d. %H:%M:%S", "en": "%d %b %Y, %H:%M:%S"}
TIME_FORM = "%H:%M:%S"


def known(value: Any) -> bool:
    """False for None, "" and NaN."""
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def number(value: Any, decimals: int | None = None) -> str:
    """1234.5 as "1,234.5"; without `decimals` as many as make three significant digits, at most two."""
    if not known(value):
        return NOTHING
    figure = float(value)
    if decimals is None:
        size = abs(figure)
        decimals = 0 if size >= 100 or figure == int(figure) else (1 if size >= 10 else 2)
    return number_format(round(figure, decimals), decimal_pos=decimals, use_l10n=True, force_grouping=True)


def mhz(value: Any) -> str:
    """2600 as "2.6 GHz", 800 as "800 MHz"."""
    if not known(value):
        return NOTHING
    return f"{number(float(value) / 1000)} GHz" if float(value) >= 1000 else f"{number(value, 0)} MHz"


def size(value: Any) -> str:
    """A number of bytes: 1536 as "1.5 KB"."""
    if not known(value):
        return NOTHING
    amount, unit = float(value), 0
    while abs(amount) >= 1024 and unit < len(BYTE_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{number(amount)} {BYTE_UNITS[unit]}"


def mib(value: Any) -> str:
    return size(float(value) * 1024**2) if known(value) else NOTHING


def kib(value: Any) -> str:
    return size(float(value) * 1024) if known(value) else NOTHING


def kbps(value: Any) -> str:
    """A rate in KB/s: 2048 as "2 MB/s"."""
    return f"{kib(value)}/s" if known(value) else NOTHING


def pct(value: Any) -> str:
    """A share in percent, 0..100."""
    if not known(value):
        return NOTHING
    whole = abs(float(value)) >= 10 or float(value) == int(float(value))
    return f"{number(value, 0 if whole else 1)}%"


def watts(value: Any) -> str:
    if not known(value):
        return NOTHING
    return f"{number(float(value) / 1000)} kW" if float(value) >= 1000 else f"{number(value, 0)} W"


def limit(value: Any, unit: Any = mhz) -> str:
    """A limit of -1 is no limit."""
    return gettext("Unlimited") if value is not None and int(value) < 0 else str(unit(value))


def duration(seconds: Any) -> str:
    """The two largest parts: "3 days 4 hours", "2 min 5 s"."""
    if not known(seconds):
        return NOTHING
    total = max(0, int(seconds))
    if total >= 86_400:
        days, hours = divmod(total // 3600, 24)
        first = ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
        return f"{first} {_hours(hours)}" if hours else first
    if total >= 3600:
        hours, minutes = divmod(total // 60, 60)
        return f"{_hours(hours)} {minutes} {gettext('min')}" if minutes else _hours(hours)
    if total >= 60:
        return f"{total // 60} {gettext('min')} {total % 60} {gettext('s')}"
    return f"{total} {gettext('s')}"


def _hours(hours: int) -> str:
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}


def figure(value: Any, unit: str) -> str:
    """A figure of a performance counter by its unit name (`domain.counters`); percent there is 1/100 %."""
    forms = {"MHz": mhz, "KB": kib, "MB": mib, "KBps": kbps, "W": watts, "s": duration}
    if unit == "percent":
        return pct(float(value) / 100 if known(value) else None)
    if unit in forms:
        return forms[unit](value)
    return f"{number(value)} {unit}" if known(value) and unit not in ("", "number") else number(value)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(when: datetime | None, zone: str = "") -> str:
    """A date with its time, 24 h, in the order that the language has; `zone` defaults to the current time zone."""
    if when is None:
        return NOTHING
    local = when.astimezone(_zone(zone)) if zone else timezone.localtime(when)
    return local.strftime(DATE_FORMS.get((get_language() or "en")[:2], DATE_FORMS["en"]))


def lab_moment(vcenter: Any, lab_s: float | None) -> str:
    """Lab seconds of a vCenter as a date in its time zone."""
    return NOTHING if lab_s is None else moment(vcenter.lab_datetime(lab_s), vcenter.timezone)


def lab_iso(vcenter: Any, lab_s: float | None) -> str:
    """The same for machines: ISO 8601 with offset, or ""."""
    return (
        ""
        if lab_s is None
        else vcenter.lab_datetime(lab_s).astimezone(_zone(vcenter.timezone)).isoformat("T", "seconds")
    )
