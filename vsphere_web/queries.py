"""What is asked for in an address, before anything reads it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

NUL, UNKNOWN = "%00", "%EF%BF%BD"  # U+FFFD stands for what is no character


def without_nuls(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: put another character for each NUL of a query string. No name holds one, and PostgreSQL refuses to
    compare with a text that does: an error of the server instead of a search that finds nothing."""

    def answer(request: HttpRequest) -> HttpResponse:
        asked = request.META.get("QUERY_STRING", "")
        if NUL in asked:
            request.META["QUERY_STRING"] = asked.replace(NUL, UNKNOWN)
        return get_response(request)

    return answer
