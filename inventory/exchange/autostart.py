"""VM Startup/Shutdown of a host in an inventory as text: machines by folders and name instead of references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from django.utils.translation import gettext as _

from domain.autostart import MACHINES, Defaults, Machine, plain, read
from inventory.models import Host

OWN = frozenset(one.name for one in fields(Defaults))
SETTINGS = frozenset(one.name for one in fields(Machine))
Resolve = Callable[[tuple[str, ...]], str | None]


def told(host: Host, vms: Mapping[str, Any]) -> dict[str, Any]:
    """What a host stores; `vms` has the path of each machine's reference. Machines that have gone are left out."""
    listed = (host.autostart.get(MACHINES) or {}).items()
    machines = [{"vm": list(vms[moref]), **settings} for moref, settings in listed if moref in vms]
    return normal({**{key: value for key, value in host.autostart.items() if key != MACHINES}, MACHINES: machines})


def normal(entry: Any) -> Any:
    """In its one form: empty things left out, machines by their paths."""
    if not isinstance(entry, Mapping):
        return entry
    found = {key: entry[key] for key in sorted(entry) if entry[key] not in ([], {}, None)}
    machines = found.get(MACHINES)
    if isinstance(machines, list) and all(isinstance(one, Mapping) for one in machines):
        found[MACHINES] = sorted(machines, key=lambda one: str(one.get("vm")))
    return found


def stored_of(entry: Any, resolve: Resolve, say: Callable[[str, str], None]) -> dict[str, Any]:
    """`Host.autostart` from what a file says; `say(place, sentence)` hears of what is wrong with it."""
    if not isinstance(entry, Mapping) or entry.keys() - OWN - {MACHINES}:
        say("", _("a mapping is needed, with %(kinds)s") % {"kinds": ", ".join(sorted({*OWN, MACHINES}))})
        return {}
    defaults = read(Defaults, entry)
    if problem := defaults.problem():
        say(problem, _("the value is out of its range"))
        return {}
    listed = entry.get(MACHINES) or []
    if not isinstance(listed, list):
        say(MACHINES, _("a list is needed"))
        return {}
    return plain(defaults, dict(_machines(listed, resolve, say)))


def _machines(listed: Sequence[Any], resolve: Resolve, say: Callable[[str, str], None]) -> Any:
    for number, one in enumerate(listed, 1):
        place = f"{MACHINES}[{number}]"
        if not isinstance(one, Mapping) or one.keys() - SETTINGS - {"vm"} or not isinstance(one.get("vm"), list):
            say(place, _("a machine with its start and stop settings is needed"))
            continue
        own, moref = read(Machine, one), resolve(tuple(map(str, one["vm"])))
        if problem := own.problem():
            say(f"{place}.{problem}", _("the value is out of its range"))
        elif moref is None:
            say(f"{place}.vm", _("there is no such machine"))
        elif moref:
            yield moref, own
