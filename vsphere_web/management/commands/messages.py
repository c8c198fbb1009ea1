"""Gathers every marked string of the product into the message catalogues, without the gettext tools.

Python is read with `ast`, so aliases of gettext are followed and only literals count; templates are read with Django's
own `templatize`. References name files without lines, and entries are sorted: a diff shows words, not movements.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import override
from django.utils.translation.template import templatize

from domain.events import EVENTS

ROOTS = ("classroom", "domain", "hypervisors", "inventory", "scheduler", "templates", "vsphere_web")
MARKERS = {"django.utils.translation", "domain.text"}
PLACEHOLDER = re.compile(r"%\(\w+\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]|%%")
PLURAL_FORMS = {"en": "nplurals=2; plural=(n != 1);", "ko": "nplurals=1; plural=0;"}
# Layers without gettext hand these literals to people: keywords, and places of arguments, by the called name.
REASON_KEYWORDS = {"reason", "state", "task"}
REASON_PLACES = {"refuse": (2, 3), "fail": (2,), "_No": (0, 1), "_Need": (1,), "_against": (2,), "Conflict": (3,)}
PHASE_PLACES = {"show": (2,), "enter": (2,)}
TEMPLATE_CALL = re.compile(r"(?<!\w)(n?p?gettext|_)\(")
LITERAL = re.compile(r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)


class Message(NamedTuple):
    """One marked string: context and plural are "" where it has none."""

    context: str
    singular: str
    plural: str


def messages(root: Path) -> dict[Message, set[str]]:
    """Every marked string under `root` with the files that have it; a plural form wins over the same bare string."""
    found: dict[Message, set[str]] = defaultdict(set)
    for path in sorted(p for name in ROOTS for p in (root / name).rglob("*") if p.suffix in _READERS):
        for message in _READERS[path.suffix](path.read_text()):
            found[message].add(path.relative_to(root).as_posix())
    for label in _event_labels():
        found[Message("", label, "")].add("domain/events.py")
    for message in [m for m in found if m.plural]:
        found[message] |= found.pop(message._replace(plural=""), set())
    return found


def _event_labels() -> list[str]:
    """Names of event types in words, as the alarm wizard lists them."""
    from inventory.alarming.wording import event_label  # a command is imported before the models are ready

    with override("en"):
        return [event_label(name) for name in EVENTS if "." not in name]


def in_python(source: str) -> Iterator[Message]:
    """Marked literals of a Python module."""
    tree = ast.parse(source)
    names = _marker_names(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        marker = names.get(call.func.id, "") if isinstance(call.func, ast.Name) else ""
        literals = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if marker and literals:
            yield _message(marker, literals)
        yield from (Message("", text, "") for text in _reasons(call))


def _reasons(call: ast.Call) -> Iterator[str]:
    """Unmarked literals that reach people: reasons of refusals (a phrase, not a code) and phases of jobs."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    reasons = [k.value for k in call.keywords if k.arg in REASON_KEYWORDS]
    reasons += [call.args[n] for n in REASON_PLACES.get(name, ()) if n < len(call.args)]
    phases = [call.args[n] for n in PHASE_PLACES.get(name, ()) if n < len(call.args)]
    for node, least in [(r, 2) for r in reasons] + [(p, 1) for p in phases]:
        computed = {id(c) for f in ast.walk(node) if isinstance(f, ast.JoinedStr) for c in ast.walk(f)}
        for part in (n for n in ast.walk(node) if isinstance(n, ast.Constant) and id(n) not in computed):
            if isinstance(part.value, str) and len(part.value.split()) >= least:
                yield part.value


def in_template(source: str) -> Iterator[Message]:
    """Marked literals of a Django template."""
    plain = templatize(source)
    for call in TEMPLATE_CALL.finditer(plain):
        literals, place = [], call.end()
        while literal := LITERAL.match(plain, place):
            literals.append(ast.literal_eval(literal[1]))
            place = literal.end() + len(plain[literal.end() :]) - len(plain[literal.end() :].lstrip(" ,"))
        if literals:
            yield _message(call[1], literals)


_READERS = {".py": in_python, ".html": in_template, ".txt": in_template}


def _marker_names(tree: ast.AST) -> dict[str, str]:
    """Local names of the marking functions, with their real names."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in MARKERS)
    names = ((alias.asname or alias.name, alias.name) for node in imports for alias in node.names)
    return {local: name for local, name in names if name == "_" or "gettext" in name}


def _message(marker: str, literals: list[str]) -> Message:
    """The arguments of gettext, ngettext, pgettext or npgettext by their places."""
    kind = marker.split("gettext")[0] if "gettext" in marker else ""
    context = literals.pop(0) if "p" in kind else ""
    return Message(context, literals[0], literals[1] if "n" in kind else "")


def update(po: polib.POFile, found: dict[Message, set[str]]) -> polib.POFile:
    """A catalogue of exactly the messages found, sorted, with the translations that `po` already has."""
    known = {(entry.msgctxt or "", entry.msgid): entry for entry in po}
    plurals = 1 if "nplurals=1" in po.metadata.get("Plural-Forms", "") else 2
    fresh = polib.POFile(wrapwidth=110)
    fresh.metadata = po.metadata
    for message in sorted(found):
        old = known.get((message.context, message.singular))
        fresh.append(_entry(message, sorted(found[message]), old, plurals))
    return fresh


def _entry(message: Message, files: list[str], old: polib.POEntry | None, plurals: int) -> polib.POEntry:
    told = (old.msgstr or old.msgstr_plural.get(0, "")) if old else ""
    words: dict[str, Any] = {"msgstr": told}
    if message.plural:
        kept = old.msgstr_plural if old and old.msgstr_plural else {0: told}
        words = {"msgid_plural": message.plural, "msgstr_plural": {n: kept.get(n, "") for n in range(plurals)}}
    return polib.POEntry(
        msgctxt=message.context or None,
        msgid=message.singular,
        occurrences=[(name, "") for name in files],
        flags=["python-format"] if PLACEHOLDER.search(message.singular) else [],
        **words,
    )


def missing(po: polib.POFile) -> list[polib.POEntry]:
    """Entries that a person would read in English."""
    return [e for e in po if e.fuzzy or not (e.msgstr or (e.msgstr_plural and all(e.msgstr_plural.values())))]


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Update the message catalogues from the sources and list what is not translated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--language", default="ko")

    def handle(self, *args: Any, **options: Any) -> None:
        language = options["language"]
        path = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"
        po = polib.pofile(str(path)) if path.exists() else new_catalogue(language)
        fresh = update(po, messages(Path(settings.BASE_DIR)))
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.save(str(path))
        untold = missing(fresh)
        self.stdout.write(f"{len(fresh)} messages, {len(untold)} without a translation")
        for entry in untold:
            self.stdout.write(f"  {entry.msgid!r}")


def new_catalogue(language: str) -> polib.POFile:
    po = polib.POFile()
    po.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURAL_FORMS[language],
    }
    return po
