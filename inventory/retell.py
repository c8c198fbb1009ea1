"""English sentences that were stored already filled in, told again in the person's language.

Refusals and reasons travel as plain English: the layers below know no languages, and a fault often becomes the reason
of an event. What a sentence was filled with is read back from it by its template; an unknown sentence stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, gettext

from domain.faults import REGISTRY, MethodFault, fill
from domain.states import HostConnection, HostPower, StandbyMode, Status, VmPower
from domain.text import _
from inventory.property_words import PROPERTIES, property_word

# Fields that hold words of ours; all others are names, which nobody translates.
WORDS = {
    "reason",
    "why",
    "need",
    "what",
    "state",
    "existingState",
    "requestedState",
    "component",
    "property",
    "task",
    "device",
}
STATES = {
    str(VmPower.ON): _("powered on"),
    str(VmPower.OFF): _("powered off"),
    str(VmPower.SUSPENDED): _("suspended"),
    str(HostConnection.CONNECTED): _("connected"),
    str(HostConnection.NOT_RESPONDING): _("not responding"),
    str(HostConnection.DISCONNECTED): _("disconnected"),
    str(HostPower.STANDBY): _("in standby mode"),
    str(StandbyMode.ENTERING): _("entering standby mode"),
    str(StandbyMode.IN): _("in standby mode"),
    str(StandbyMode.EXITING): _("exiting standby mode"),
    str(Status.GREEN): _("green"),
    str(Status.YELLOW): _("yellow"),
    str(Status.RED): _("red"),
    str(Status.GRAY): _("gray"),
}
# Reasons that are computed: as templates, since only their fields vary.
COMPUTED = (
    _("Hard disk %(n)s"),
    _("Network adapter %(n)s"),
    _("%(reason)s (%(count)s of %(all)s hosts)"),
    _("%(name)s: a datastore or network is missing"),
    _("it has to be at least %(low)s"),
    _("its hosts take up %(used)s cores"),
    _("it has to be between 0 and %(high)s"),
    _("it has to be one of %(choices)s"),
    _("it is not in maintenance mode; %(count)s VMs run on it. Or use force."),
    _("put these hosts into maintenance mode or disconnect them first: %(names)s"),
    _("%(count)s virtual machines are running on it"),
    _("%(count)s virtual machines still run on it"),
    _("%(count)s virtual machines cannot leave; see the faults."),
    _("%(host)s has no means to be woken: set its BMC or wake-on-LAN"),
    _("%(name)s is not in the cluster"),
    _("“%(name)s” belongs to its datacenter and stays as it is"),
    _("“%(name)s” is not for objects of this type"),
    _("the object already has a tag of “%(name)s”"),
    _("there is no privilege %(name)s"),
    _("there is no object type %(name)s"),
    _("“%(name)s” would have no host"),
    _("%(count)s virtual machines cannot be separated on %(all)s hosts"),
    _("Take %(count)s virtual machines out of the rule."),
    _("Disable “%(name)s” or “%(other)s”, or take the shared members out of one."),
    _("it reserves %(mine)s MB, the biggest host has %(most)s MB"),
    _("it reserves %(mine)s MHz, the biggest host has %(most)s MHz"),
    _("reservations on %(name)s"),
    _("%(kind)s has no state %(name)s"),
    _("%(kind)s cannot be watched"),
    _("%(kind)s has no such counter"),
    _("%(name)s is never %(value)s"),
    _("there is no event %(name)s"),
    _("it has to be 0 or at least %(low)s s"),
    _("“%(value)s” is not a number"),
    _("%(value)s is not a number from 0 up"),
    _("%(value)s is not between %(low)s and %(high)s"),
    _("the host %(name)s is not on the list that is allowed"),
    _("%(name)s stays on its datastore"),
    _("there is none with the key %(key)s"),
    _("%(name)s is no address"),
    _("%(vcpus)s virtual CPUs on %(cores)s cores exceed the over-commitment limit of %(limit)s"),
)
COUNTS = {"count", "all"}  # fields that are whole numbers, so that brackets in a reason are not taken for theirs
NUMBER = r"\d+"
_HOLE = re.compile(r"%\((\w+)\)[^a-z]*[a-z]")
_SENTENCE_END = re.compile(r"(?<=[.!]) (?=\S)")


def told(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a template, those that hold words in the person's language."""
    return {key: _told(key, value) if isinstance(value, str) else value for key, value in fields.items()}


def _told(key: str, value: str) -> str:
    if key == "property" and value in PROPERTIES:
        return property_word(value)
    return retell(value) if key in WORDS else value


def retell(text: str) -> str:
    """`text` in the person's language, as far as its template is known."""
    if not text or (get_language() or "en").startswith("en"):
        return gettext(STATES[text]) if text in STATES else text
    known = gettext(STATES.get(text, text))
    if known != text:
        return known
    for template, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return fill(gettext(template), told(match.groupdict()))
    sentences = _SENTENCE_END.split(text)
    return " ".join(map(retell, sentences)) if len(sentences) > 1 else text


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Templates with the pattern that reads their fields back, those with the most words of their own first."""
    kinds: list[type[MethodFault]] = [MethodFault, *REGISTRY.values()]
    templates = {kind.template for kind in kinds} | set(COMPUTED)
    holed = sorted((t for t in templates if _HOLE.search(t)), key=lambda t: -len(_HOLE.sub("", t)))
    return [(template, _pattern(template)) for template in holed]


def _pattern(template: str) -> re.Pattern[str]:
    parts = _HOLE.split(template)
    names = [f"(?P<{name}>{NUMBER if name in COUNTS else '.+?'})" for name in parts[1::2]]
    fixed = [re.escape(part.replace("%%", "%")) for part in parts[::2]]
    return re.compile("".join(piece for pair in zip(fixed, [*names, ""], strict=True) for piece in pair), re.DOTALL)
