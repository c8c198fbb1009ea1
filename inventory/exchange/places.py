"""Lines of an inventory file: where the places that its problems name (`datacenters[1].clusters[2].name`) stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from inventory.exchange.safe import LOADER


def lines_of(text: str) -> dict[str, int]:
    """The line (from 1) of every place of a YAML text. Only for what `exchange.safe` has read: no anchors, not deep."""
    root = yaml.compose(text, Loader=LOADER)
    return dict(_places(root, "")) if root is not None else {}


def _places(node: yaml.Node, place: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{place}.{key.value}" if place else str(key.value)
            yield inner, key.start_mark.line + 1
            yield from _places(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value, 1):
            inner = f"{place}[{number}]"
            yield inner, value.start_mark.line + 1
            yield from _places(value, inner)


def line_at(lines: Mapping[str, int], place: str) -> int | None:
    """The line of a place, or of what it lies in where it is missing itself; None for the document as a whole."""
    while place:
        if place in lines:
            return lines[place]
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return None
