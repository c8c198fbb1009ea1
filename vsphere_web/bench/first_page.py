"""What a browser with an empty cache fetches for one page: the page, its sheets, modules, fonts, icons; compressed."""

from __future__ import annotations

import gzip
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

COMPRESSED = (".css", ".js", ".svg", ".json")
IN_HTML = re.compile(r'(?:src|href)="([^"]+)"')
IN_CSS = re.compile(r"""url\(["']?([^"')]+)["']?\)""")
IN_JS = re.compile(r"""(?:from|import)\s*\(?["'](\.[^"']+)["']""")


def sizes(client: Client, path: str) -> dict[str, int]:
    """Bytes on the wire per file; the page itself under its address. What is imported on demand counts, too."""
    page = client.get(path).content
    found = {path: len(gzip.compress(page))}
    waiting = [name for link in IN_HTML.findall(page.decode()) if (name := _static(link))]
    while waiting:
        name = waiting.pop()
        file = finders.find(name)
        if name in found or not isinstance(file, str):
            continue
        content = Path(file).read_bytes()
        found[name] = len(gzip.compress(content)) if name.endswith(COMPRESSED) else len(content)
        waiting += _linked(name, content)
    return found


def _static(link: str) -> str | None:
    """The name of a static file that a link points at."""
    path = unquote(urlsplit(link).path)
    return path.removeprefix(settings.STATIC_URL) if path.startswith(settings.STATIC_URL) else None


def _linked(name: str, content: bytes) -> list[str]:
    pattern = IN_CSS if name.endswith(".css") else IN_JS if name.endswith(".js") else None
    if pattern is None:
        return []
    links = (link for link in pattern.findall(content.decode()) if not link.startswith(("data:", "#")))
    return [posixpath.normpath(posixpath.join(posixpath.dirname(name), link.partition("#")[0])) for link in links]
