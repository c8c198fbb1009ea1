"""Reading YAML of strangers: small, shallow, without aliases, nothing but plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from django.utils.translation import gettext as _

BYTES_MAX = 8 << 20
DEPTH_MAX = 24
NODES_MAX = 600_000
TEXT_MAX = 8_192
FORMAT = 1
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes every value out: what is written can be read again."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Unreadable(ValueError):
    """The file cannot be taken; the text says why, for people."""


def load(data: bytes) -> dict[str, Any]:
    """The document in `data`: a mapping of plain values. Every limit is checked before anything is built.

    Raises:
        Unreadable: too large, too deep, with anchors, tags or other types, no YAML, or no mapping.
    """
    if len(data) > BYTES_MAX:
        raise Unreadable(_("it is larger than %(mb)s MB") % {"mb": BYTES_MAX >> 20})
    try:
        text = data.decode("utf-8-sig")
        _check(yaml.parse(text, Loader=LOADER))
        document = yaml.load(text, Loader=LOADER)
    except UnicodeDecodeError:
        raise Unreadable(_("it is no UTF-8 text")) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            raise Unreadable(_("it is no YAML")) from None
        raise Unreadable(_("it is no YAML (line %(line)s)") % {"line": mark.line + 1}) from None
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(_("a value in it is not valid")) from None
    if not isinstance(document, dict):
        raise Unreadable(_("it describes no inventory"))
    _plain(document)
    return document


def _check(events: Iterator[Any]) -> None:
    """Walk the events of the parser, which builds nothing yet."""
    depth = 0
    for nodes, event in enumerate(events):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(_("it uses anchors (line %(line)s); write the values out") % {"line": line})
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > DEPTH_MAX:
            raise Unreadable(_("it is nested deeper than %(limit)s levels") % {"limit": DEPTH_MAX})
        if nodes > NODES_MAX:
            raise Unreadable(_("it has more than %(limit)s values") % {"limit": f"{NODES_MAX:,}"})
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > TEXT_MAX:
            raise Unreadable(
                _("a text in it is longer than %(limit)s characters (line %(line)s)")
                % {"limit": TEXT_MAX, "line": line}
            )


def _plain(value: Any) -> None:
    """Only what JSON has: no dates, no bytes, no sets; keys are text."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if any(not isinstance(key, str) for key in one):
                raise Unreadable(_("a key in it is no text; put it in quotes"))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif one is not None and not isinstance(one, (str, int, float, bool)):
            raise Unreadable(_("a value in it is a %(type)s; put it in quotes") % {"type": type(one).__name__})
        elif (isinstance(one, float) and one != one) or one in (float("inf"), float("-inf")):
            raise Unreadable(_("a number in it is not finite"))


def dump(document: dict[str, Any]) -> str:
    """The document as text; the same document always gives the same text."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )
    return text
