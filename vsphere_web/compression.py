"""Compression of what is not compressed already: pages, and in a lab the project's own style sheets and modules."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

ALREADY_SMALL = ("font/", "image/png", "image/webp")
NO_BODY, PART = (204, 304), 206


class CompressionMiddleware(GZipMiddleware):
    """Django's own (padded at random against BREACH), without parts of files, fonts and pictures.

    Nor an answer that has no body: a stream of nothing, as for a file that the browser has, would end in ten bytes of
    gzip, upon which the server breaks the connection off under whatever the browser asks for next.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress where the browser takes it and it is worth it."""
        kind = response.headers.get("Content-Type", "")
        if response.status_code in (*NO_BODY, PART) or kind.startswith(ALREADY_SMALL):
            return response
        return super().process_response(request, response)
