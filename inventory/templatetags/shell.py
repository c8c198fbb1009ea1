"""Tags of every page: the shell's state, icons, objects with their badges, figures and dates."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from domain.morefs import ROOT_FOLDER
from domain.states import Status
from inventory import format as forms
from inventory import words
from inventory.retell import retell
from inventory.shell import Shell

register = template.Library()
ALARM_ICONS = {Status.YELLOW: "warning-standard-solid", Status.RED: "error-standard-solid"}


@register.simple_tag(takes_context=True)
def shell_state(context: Any) -> Shell:
    """Return what the frame shows to this person; kept on the request, so that asking twice costs nothing."""
    request = context["request"]
    if not hasattr(request, "shell"):
        request.shell = Shell(request)
    return request.shell


@register.simple_tag
@lru_cache(maxsize=2048)
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """Draw one icon of the sprite; without a label it is decoration. Kept: a tree has a thousand of them."""
    says = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    sprite = static("vendor/clarity-icons.svg")
    return format_html('<svg class="icon {}" {}><use href="{}#{}"/></svg>', classes, SafeString(says), sprite, name)


@register.simple_tag
def glyph(obj: Any) -> SafeString:
    """Draw the icon of an object with a badge for its state and an overlay for its alarms; the words go along."""
    kind, state = words.kind(obj), words.state(obj)
    status = getattr(obj, "overall_status", Status.GREEN)
    badge = icon(state.badge, "badge") if state and state.badge else ""
    alarm = icon(ALARM_ICONS[status], "overlay") if status in ALARM_ICONS else ""
    said = [str(kind.label)] + ([str(state.label)] if state else [])
    said += [str(words.status(obj).label)] if alarm else []
    return format_html(
        '<span class="glyph" data-tone="{}" data-status="{}" role="img" aria-label="{}" title="{}">{}{}{}</span>',
        state.tone if state else "quiet",
        status,
        ", ".join(said),
        ", ".join(said),
        icon(kind.icon),
        badge,
        alarm,
    )


@register.simple_tag
def kind_icon(kind: str, classes: str = "", moref: str = "") -> SafeString:
    """Draw the icon of a kind of object (`domain.morefs.Kind`); the root folder, by its reference, is the vCenter."""
    return icon((words.VCENTER if moref == ROOT_FOLDER else words.of(words.Kind, kind)).icon, classes)


@register.simple_tag
def say(word: words.Word | None) -> SafeString | str:
    """Say a state: its icon in its colour, and its label."""
    if word is None:
        return ""
    return format_html('<span class="state tone-{}">{}<span>{}</span></span>', word.tone, icon(word.icon), word.label)


@register.simple_tag
def object_url(obj: Any, tab: str = "") -> str:
    """Return the address of an object's page."""
    vcenter = getattr(obj, "vcenter", obj)
    return moref_url(vcenter, obj.moref, tab)


@register.simple_tag
def moref_url(vcenter: Any, moref: str, tab: str = "") -> str:
    if tab:
        return reverse("inventory:object-tab", args=(vcenter.uuid, moref, tab))
    return reverse("inventory:object", args=(vcenter.uuid, moref))


@register.simple_tag
def object_link(obj: Any, with_icon: bool = True) -> SafeString | str:
    """Draw a link to an object, with its icon."""
    if obj is None:
        return forms.NOTHING
    return format_html(
        '<a class="object-link" href="{}" data-moref="{}">{}<span>{}</span></a>',
        object_url(obj),
        obj.moref,
        glyph(obj) if with_icon else "",
        obj.name,
    )


@register.simple_tag
def lab_time(vcenter: Any, lab_s: float | None) -> SafeString | str:
    """Draw lab seconds as a date in the vCenter's time zone."""
    if lab_s is None:
        return forms.NOTHING
    text, iso = forms.lab_moment(vcenter, lab_s), forms.lab_iso(vcenter, lab_s)
    return format_html('<time class="number nowrap" datetime="{}">{}</time>', iso, text)


@register.filter
def word_state(obj: Any) -> words.Word | None:
    return words.state(obj)


@register.filter
def word_status(obj: Any) -> words.Word:
    return words.status(obj)


@register.filter
def word_kind(obj: Any) -> words.Word:
    return words.kind(obj)


for name in ("number", "mhz", "size", "mib", "kib", "kbps", "pct", "watts", "duration", "moment"):
    register.filter(name, getattr(forms, name))
register.filter("mhz_limit", lambda value: forms.limit(value, forms.mhz))
register.filter("mib_limit", lambda value: forms.limit(value, forms.mib))
register.filter("task_label", words.task_label)
register.filter("fault_sentence", words.fault_sentence)
register.filter("event_sentence", words.event_sentence)
register.filter("task_word", lambda task: words.of(words.TaskState, task.state))
register.filter("category_word", lambda event: words.of(words.EventCategory, event.category))
register.filter("status_word", lambda status: words.of(words.Status, status))
register.filter("say_word", say)


@register.filter
def words_of(text: str) -> str:
    """Translate a stored English text, such as the name of a default alarm; what is no known text stays."""
    return retell(text) if text else ""


@register.filter
def task_detail(task: Any) -> str:
    """What a task is doing or has done, in a few words."""
    if task.cancel_requested and task.live:
        return gettext("Cancellation was requested")
    return retell(task.phase) if task.phase else forms.NOTHING


@register.filter
def queued_for(task: Any) -> str:
    """How long a task waited before it started."""
    if task.started_at is None:
        return forms.NOTHING
    waited_ms = max(0, (task.started_at - task.queued_at).total_seconds() * 1000)
    return f"{forms.number(waited_ms, 0)} ms" if waited_ms < 10_000 else forms.duration(waited_ms / 1000)


@register.filter
def unlocalized(value: Any) -> str:
    """A number for machines, whatever the language."""
    return "" if value is None else f"{float(value):.6g}"


@register.filter
def gbit(mbps: Any) -> str:
    """A link speed in Mbit/s: 10000 as "10 Gbit/s"."""
    speed = float(mbps)
    return f"{forms.number(speed / 1000)} Gbit/s" if speed >= 1000 else f"{forms.number(speed)} Mbit/s"


register.filter("tools_word", lambda vm: words.of(words.ToolsStatus, vm.tools_status))
register.filter("provisioning_word", lambda disk: words.of(words.DiskProvisioning, disk.provisioning))
register.filter("host_kind_word", lambda host: words.of(words.HostKind, host.host_kind))
register.filter("host_kind_hint", lambda host: words.of(words.HostKind, host.host_kind).hint)
register.filter("drs_word", lambda cluster: words.of(words.DrsBehavior, cluster.drs_automation))
register.filter("shares_word", lambda level: words.of(words.SharesLevel, level))
register.filter("store_word", lambda store: words.of(words.DatastoreKind, store.store_kind))


@register.simple_tag(takes_context=True)
def page_query(context: Any, page: int, form: str = "") -> str:
    """Return the query string of the present page with another page number, or with an export's format."""
    query = context["request"].GET.copy()
    for name in ("page", "format"):
        query.pop(name, None)
    if page > 1:
        query["page"] = str(page)
    if form:
        query["format"] = form
    return f"?{query.urlencode()}"


@register.filter
def lies_in(obj: Any) -> str:
    """Return the name of what an object lies in, for lists that mix places."""
    for name in ("host", "cluster", "datacenter"):
        if above := getattr(obj, name, None):
            return str(above)
    return str(obj.vcenter)


@register.filter
def as_unit(value: Any, form: str) -> str:
    """Return a figure in the form "mhz" or "mib"."""
    return {"mhz": forms.mhz, "mib": forms.mib}[form](value)


@register.filter
def as_unit_limit(value: Any, form: str) -> str:
    return forms.limit(value, {"mhz": forms.mhz, "mib": forms.mib}[form])


register.filter("kind_label", lambda kind: words.of(words.Kind, kind))
