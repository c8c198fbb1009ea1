"""Leaves out of a style sheet what no page of ours can use: rules for classes that nothing in the project names.

Clarity's sheet styles some eighty components, pages use two dozen. A class counts as used where its name stands in a
template, a script, a style sheet or Python code of the project, or begins with a stem that is completed there
(`label-{{ colour }}`). What the rules do not say by classes stays: elements, attributes, custom properties, key frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SOURCES = {"templates": "*.html", "static/js": "*.js", "static/css": "*.css"}
# Packages whose code names classes.
PACKAGES = ("inventory", "scheduler", "classroom", "domain", "vsphere_web")
WORD = re.compile(r"[A-Za-z_][\w-]*")
CLASS = re.compile(r"\.([A-Za-z_][\w-]*)")
# What may be absent from a matching element, or is no class at all.
OPTIONAL = re.compile(r":(?:not|is|where|has)\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\]]*\]")
STATEMENT = re.compile(r"@(?:charset|import)[^;{]*;")
NESTING = ("@media", "@supports", "@layer", "@container")


class Words:
    """The words of the project; `known(name)` tells whether it may use a class of that name."""

    def __init__(self, texts: Iterable[str]) -> None:
        found = {word for text in texts for word in WORD.findall(text)}
        self._words = found
        self._stems = tuple(word for word in found if word.endswith("-") and len(word) > 2)

    def known(self, name: str) -> bool:
        return name in self._words or name.startswith(self._stems)


def words_of(base: Path) -> Words:
    """The words of everything that may write a class."""
    places = [(base / folder, pattern) for folder, pattern in SOURCES.items()]
    places += [(base / package, "*.py") for package in PACKAGES]
    return Words(path.read_text() for folder, pattern in places for path in sorted(folder.rglob(pattern)))


def classes_of(sheet: str) -> set[str]:
    """Every class that a style sheet names."""
    return set(CLASS.findall(sheet))


def trimmed(sheet: str, words: Words) -> str:
    """The sheet without the selectors that can match nothing, and without rules that have none left."""
    statements = "".join(STATEMENT.findall(sheet))
    return statements + "".join(_kept(STATEMENT.sub("", sheet), words))


def _kept(sheet: str, words: Words) -> Iterator[str]:
    for head, body in _rules(sheet):
        if head.startswith(NESTING):
            inner = "".join(_kept(body, words))
            if inner:
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        else:
            alive = [selector for selector in _split(head) if _may_match(selector, words)]
            if alive:
                yield f"{','.join(alive)}{{{body}}}"


def _may_match(selector: str, words: Words) -> bool:
    if "\\" in selector:
        return True
    return all(words.known(name) for name in CLASS.findall(OPTIONAL.sub("", selector)))


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """(selectors or at-rule, what stands between its braces), one after the other."""
    at = 0
    while (start := sheet.find("{", at)) >= 0:
        depth, end = 1, start + 1
        while depth:
            brace = _next_brace(sheet, end)
            depth += 1 if sheet[brace] == "{" else -1
            end = brace + 1
        yield sheet[at:start].strip(), sheet[start + 1 : end - 1]
        at = end


def _next_brace(sheet: str, at: int) -> int:
    opening, closing = sheet.find("{", at), sheet.find("}", at)
    if closing < 0:
        raise ValueError("the style sheet ends inside a rule")
    return closing if opening < 0 else min(opening, closing)


def _split(selectors: str) -> Iterator[str]:
    """The selectors of a list; commas inside brackets do not part them."""
    depth, begin = 0, 0
    for at, letter in enumerate(selectors):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            yield selectors[begin:at].strip()
            begin = at + 1
    yield selectors[begin:].strip()
