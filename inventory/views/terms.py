"""The terms of the client in both languages: what a peek at a label shows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.utils.translation import trans_real
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

LONGEST = 48
SENTENCE_ENDS = (".", "?", "!", ":", ",", ";")


@lru_cache(maxsize=1)
def terms() -> dict[str, str]:
    """English -> Korean, from the catalogue: words and names of fields, neither sentences nor texts with gaps."""
    catalogue: Any = vars(trans_real.translation("ko"))["_catalog"]  # gettext has no public way to list a catalogue
    found: dict[str, str] = {}
    for english, korean in catalogue.items():
        if isinstance(english, str) and isinstance(korean, str) and _is_term(english) and english != korean:
            found.setdefault(_bare(english), _bare(korean))  # ours come before Django's
    return found


def _is_term(text: str) -> bool:
    plain = 0 < len(text) <= LONGEST and "%" not in text and "\n" not in text and "\x04" not in text
    return plain and not text.endswith(SENTENCE_ENDS)


def _bare(text: str) -> str:
    """Without the dots that say that a dialog follows."""
    return text.removesuffix("…").removesuffix("...").strip()


@login_required
@require_safe
@cache_control(private=True, max_age=3600)
def peek(request: HttpRequest) -> JsonResponse:
    """All terms; asked for once, when somebody first peeks."""
    return JsonResponse(terms(), json_dumps_params={"ensure_ascii": False})
