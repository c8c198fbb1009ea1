"""What surrounds every page: who is there, which vCenters, their clocks, the menu, the panes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from inventory import format as forms
from inventory import history, rights, selectors
from inventory.live import answers
from inventory.models import Preferences, VCenter
from inventory.prepared import PreparedModels

SHEETS = (
    "css/clarity.css",
    "css/tokens.css",
    "css/shell.css",
    "css/tree.css",
    "css/parts.css",
    "css/grid.css",
    "css/menu.css",
    "css/dialog.css",
    "vendor/uplot/uPlot.min.css",
    "css/chart.css",
    "css/administration.css",
    "css/motion.css",
    "css/scheduler.css",
    "css/classroom.css",
    "css/exercise.css",
    "css/find.css",
)
THEMES = ("light", "dark")
THEME_COOKIE = "theme"
RECENT = 50
_preferences = PreparedModels(lambda user: Preferences.objects.filter(user=user).order_by())

VIEWS = (
    ("hosts", _("Hosts and Clusters"), "host"),
    ("vms", _("VMs and Templates"), "vm"),
    ("storage", _("Storage"), "storage"),
    ("networking", _("Networking"), "network-switch"),
)
# (address name, label, icon); an entry whose address does not exist is not offered. None is a line.
MENU: tuple[tuple[str, Any, str] | None, ...] = (
    ("inventory:home", _("Home"), "home"),
    None,
    ("scheduler:overview", _("DRS and DPM"), "two-way-arrows"),
    ("classroom:home", _("Classroom"), "organization"),
    None,
    ("inventory:find-start", _("Advanced Search"), "search"),
    ("inventory:tasks", _("Tasks"), "tasks"),
    ("inventory:events", _("Events"), "event"),
    ("inventory:alarm-definitions", _("Alarm Definitions"), "bell"),
    ("inventory:recycle-bin", _("Recycle Bin"), "recycle"),
)
ADMINISTRATION: tuple[tuple[str, Any, str], ...] = (
    ("inventory:roles", _("Roles"), "key"),
    ("inventory:sessions", _("Sessions"), "users"),
    ("inventory:audit", _("Audit Log"), "shield-check"),
)


@dataclass(frozen=True)
class Entry:
    url: str
    label: Any
    icon: str


@dataclass(frozen=True)
class Clock:
    """A lab clock as the header shows it: the page goes on counting by itself. `looks`: the person changes nothing
    there."""

    vcenter: VCenter
    looks: bool

    def as_json(self) -> dict[str, Any]:
        vc = self.vcenter
        return {
            "vc": str(vc.uuid),
            "name": vc.name,
            "now": vc.lab_datetime().timestamp() * 1000,
            "speed": vc.clock_speed if vc.active else 0,
            "zone": vc.timezone,
            "until": answers.run_end_ms(vc),
            "looks": self.looks,
        }


class Shell:
    """Everything the frame asks for, each thing fetched when it is asked for."""

    sheets = SHEETS
    views = VIEWS

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.user = request.user

    @cached_property
    def preferences(self) -> Preferences:
        if isinstance(self.user, AnonymousUser):
            return Preferences()
        return _preferences.first(self.user.pk) or Preferences(user=self.user)

    @cached_property
    def theme(self) -> str:
        wanted = self.request.COOKIES.get(THEME_COOKIE) or self.preferences.theme
        return wanted if wanted in THEMES else THEMES[0]

    @cached_property
    def vcenters(self) -> list[VCenter]:
        return list(selectors.vcenters_at_home(self.user))

    @cached_property
    def clocks(self) -> list[dict[str, Any]]:
        return [Clock(vc, rights.only_looks(self.user, vc)).as_json() for vc in self.vcenters]

    @cached_property
    def tasks(self) -> list[Any]:
        return history.recent_tasks(self.user, self.vcenters, RECENT)

    @cached_property
    def alarm_count(self) -> int:
        """How many rows the alarms of the bottom pane would have; they are fetched when somebody looks at them."""
        return history.count_of_alarms(self.user, self.vcenters, RECENT)

    @property
    def menu(self) -> list[Entry | None]:
        """The hamburger menu, without double lines where entries are missing."""
        found: list[Entry | None] = []
        for row in MENU:
            entry = _entry(*row) if row else None
            if entry or (row is None and found and found[-1]):
                found.append(entry)
        return found

    @property
    def administration(self) -> list[Entry]:
        return [entry for row in ADMINISTRATION if (entry := _entry(*row))]

    @property
    def initials(self) -> str:
        name = self.user.get_full_name() if self.user.is_authenticated else ""
        parts = (name or self.user.get_username()).replace("-", " ").replace(".", " ").split()
        return "".join(part[0] for part in parts[:2])

    @property
    def words(self) -> dict[str, str]:
        return ui_words()


def _entry(name: str, label: Any, icon: str) -> Entry | None:
    try:
        return Entry(reverse(name), label, icon)
    except NoReverseMatch:
        return None


def ui_words() -> dict[str, str]:
    """What the modules in the browser say, in the person's language."""
    return {
        "language": get_language() or "en",
        "offline": gettext("The server does not answer. Check the connection, then try again."),
        "failed": gettext("The request failed (%(status)s)."),
        "forbidden": gettext("You may not do that."),
        "gone": gettext("That object does not exist any more."),
        "goneFromHere": gettext("“%(name)s” is no longer there, or you may not see it any more."),
        "labAnew": gettext("The lab was restarted or taken back. This page shows it as it is now."),
        "labAnewWithout": gettext("The lab was restarted or taken back, and “%(name)s” is not in it any more."),
        "dismiss": gettext("Dismiss"),
        "loading": gettext("Loading…"),
        "more": gettext("Show %(count)s more"),
        "noResults": gettext("Nothing found for “%(query)s”."),
        "expand": gettext("Expand"),
        "collapse": gettext("Collapse"),
        "paused": gettext("Paused"),
        "live": gettext("Live"),
        "liveConnecting": gettext("Connecting"),
        "liveDelayed": gettext("Delayed by %(seconds)s s"),
        "livePolled": gettext("Every 5 s"),
        "liveOffline": gettext("Offline"),
        "taskFailed": gettext("%(task)s failed: %(target)s"),
        "belowRed": gettext("an object below has an alert"),
        "belowYellow": gettext("an object below has a warning"),
        "nothing": forms.NOTHING,
    }
