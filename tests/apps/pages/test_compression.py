"""Pages and style sheets cross the wire compressed; what is compressed already is left alone."""

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from vsphere_web.compression import CompressionMiddleware

GZIP = {"Accept-Encoding": "gzip"}


@pytest.mark.django_db
def test_a_page_is_compressed_for_browsers_that_take_it() -> None:
    response = Client().get("/login/", headers=GZIP)
    assert response["Content-Encoding"] == "gzip"
    assert b"<html" in gzip.decompress(response.content)
    assert "Content-Encoding" not in Client().get("/login/")


@pytest.mark.parametrize(("kind", "status"), [("font/woff2", 200), ("image/png", 200), ("text/css", 206)])
def test_fonts_pictures_and_parts_of_files_stay_as_they_are(kind: str, status: int) -> None:
    whole = HttpResponse(b"a" * 5_000, content_type=kind, status=status)
    answer = CompressionMiddleware(lambda request: whole)(RequestFactory().get("/", headers=GZIP))
    assert "Content-Encoding" not in answer


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_gets_none(status: int) -> None:
    """The end of a compressed stream of nothing is ten bytes: a server that sends them breaks the connection off."""
    empty = StreamingHttpResponse([], status=status)
    answer = CompressionMiddleware(lambda request: empty)(RequestFactory().get("/", headers=GZIP))
    assert b"".join(answer) == b""
