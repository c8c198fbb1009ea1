"""Tags of the pages about moves and failures."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inventory import format as units
from scheduler.forms.destinations import bar
from scheduler.models import HaRestart

register = template.Library()


@register.simple_tag
def change(before_pct: float, after_pct: float) -> SafeString:
    """A share before, an arrow, and the share afterwards as a bar."""
    return format_html(
        '<span class="change"><span class="muted">{}</span> → {}</span>', units.pct(before_pct), bar(after_pct)
    )


@register.simple_tag
def share(ratio: float) -> str:
    """A ratio of one as a percentage."""
    return units.pct(100 * ratio)


@register.simple_tag
def down_for(restart: HaRestart) -> str:
    """How long a VM was down in lab time, until HA had it running again."""
    if restart.state != HaRestart.RESTARTED or restart.ended_lab_s is None:
        return units.NOTHING
    return str(units.duration(restart.ended_lab_s - restart.failed_lab_s))
