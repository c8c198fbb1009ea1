"""A document between its preview and its import: one per person, below DATA_DIR/imports, for a day."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

from django.conf import settings

KEPT_S = 86_400.0


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "imports"


def keep(user: Any, document: dict[str, Any]) -> str:
    """Keep the document in place of what this person kept before; returns the word that brings it back."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        if old.name.startswith(f"{user.pk}-") or time.time() - old.stat().st_mtime > KEPT_S:
            old.unlink(missing_ok=True)
    token = secrets.token_hex(16)
    draft = folder / f"{user.pk}-{token}.new"
    draft.write_text(json.dumps(document))
    draft.replace(draft.with_suffix(".json"))
    return token


def found(user: Any, token: str) -> dict[str, Any] | None:
    """The document that this person kept under that word, None where there is none (any more)."""
    if len(token) != 32 or not token.isalnum():
        return None
    try:
        document: dict[str, Any] = json.loads((_folder() / f"{user.pk}-{token}.json").read_text())
    except (OSError, ValueError):
        return None
    return document


def forget(user: Any, token: str) -> None:
    if found(user, token) is not None:
        (_folder() / f"{user.pk}-{token}.json").unlink(missing_ok=True)
