"""Compiles message catalogues without the gettext tools."""

from collections.abc import Iterable
from pathlib import Path

import polib


def compile_catalogues(folders: Iterable[Path]) -> int:
    """Write the .mo beside each .po under `folders` that is newer than it; return how many."""
    stale = [po for folder in folders for po in sorted(Path(folder).rglob("*.po")) if _is_stale(po)]
    for po in stale:
        draft = po.with_suffix(".mo.draft")  # a running server never reads half a catalogue
        polib.pofile(str(po)).save_as_mofile(str(draft))
        draft.replace(po.with_suffix(".mo"))
    return len(stale)


def _is_stale(po: Path) -> bool:
    mo = po.with_suffix(".mo")
    return not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime
