"""Compression of what is not compressed already: pages, and in a lab the project's own style sheets and modules."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

ALREADY_SMALL = ("font/", "image/png", "image/webp")
PART = 206


class CompressionMiddleware(GZipMiddleware):
    """Django's own (padded at random against BREACH), without parts of files, fonts and pictures."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress where the browser takes it and it is worth it."""
        kind = response.headers.get("Content-Type", "")
        if response.status_code == PART or kind.startswith(ALREADY_SMALL):
            return response
        return super().process_response(request, response)
