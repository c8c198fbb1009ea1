"""YAML whose mappings know their lines, so that a mistake in a lesson is reported where it was made."""

from __future__ import annotations

from typing import Any

import yaml


class NotationError(ValueError):
    """What a file says makes no sense; `line` counts from 1, 0 = the file as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line, self.reason = line, reason


class Block(dict[str, Any]):
    """A mapping with the line of itself and of each key."""

    line: int = 0
    lines: dict[str, int]

    def at(self, key: str) -> int:
        """The line of a key; of the mapping where it has no such key."""
        return self.lines.get(key, self.line)

    def refuse_unknown(self, *known: str) -> None:
        """Raise for the first key that is none of `known`."""
        for key in self:
            if key not in known:
                raise NotationError(self.at(key), f"unknown key “{key}”; known are {', '.join(sorted(known))}")

    def need(self, key: str) -> Any:
        """The value of a key that has to be there."""
        if key not in self:
            raise NotationError(self.line, f"“{key}” is missing")
        return self[key]


class _Loader(yaml.SafeLoader):
    """The safe loader: plain data alone, no objects."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Block:
    block = Block()
    block.line, block.lines = node.start_mark.line + 1, {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise NotationError(line, f"a key has to be text, not {key!r}")
        if key in block:
            raise NotationError(line, f"“{key}” is given twice")
        block[key] = loader.construct_object(value_node, deep=True)
        block.lines[key] = line
    return block


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# `on`, `off`, `yes` and `no` stay words: a power state is no truth value.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:bool"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TRUTH = {"true": True, "false": False}


def load(text: str) -> Any:
    """Plain data of a YAML text, mappings as `Block`; `true` and `false` are the only truth values.

    Raises:
        NotationError: with the line.
    """
    try:
        return _truths(yaml.load(text, _Loader))  # a child of the safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise NotationError(line, str(error.problem)) from None
    except yaml.YAMLError as error:
        raise NotationError(0, str(error)) from None


def _truths(value: Any) -> Any:
    if isinstance(value, Block):
        for key, inner in value.items():
            value[key] = _truths(inner)
        return value
    if isinstance(value, list):
        return [_truths(inner) for inner in value]
    return _TRUTH.get(value, value) if isinstance(value, str) else value
