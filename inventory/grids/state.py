"""The state of a grid, which lives in the address: sort, page, filters. Same address, same grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

PAGE_SIZES = (25, 50, 100, 200)
DEFAULT_SIZE = 50
LONGEST_FILTER = 120
KEPT = ("nav",)  # parameters of the page around the grid


@dataclass(frozen=True)
class GridState:
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = DEFAULT_SIZE
    q: str = ""
    filters: dict[str, str] = field(default_factory=dict)  # "f.state": "poweredOn", "min.cpu": "50"
    kept: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, query: QueryDict) -> GridState:
        """Anything that makes no sense is left out, never an error: an address may be typed by hand."""
        sort = query.get("sort", "")
        filters = {k: str(v)[:LONGEST_FILTER] for k, v in query.items() if k.startswith(("f.", "min.", "max.")) and v}
        size = _whole(query.get("size"), DEFAULT_SIZE)
        return cls(
            sort=sort.removeprefix("-"),
            descending=sort.startswith("-"),
            page=max(1, _whole(query.get("page"), 1)),
            size=size if size in PAGE_SIZES else DEFAULT_SIZE,
            q=query.get("q", "").strip()[:LONGEST_FILTER],
            filters=filters,
            kept={k: str(query[k]) for k in KEPT if query.get(k)},
        )

    def sorted_by(self, key: str) -> GridState:
        """The state after a click on a header: ascending, then descending."""
        again = self.sort == key and not self.descending
        return replace(self, sort=key, descending=again, page=1)

    def at(self, page: int) -> GridState:
        return replace(self, page=page)

    def without_filters(self) -> GridState:
        return replace(self, filters={}, q="", page=1)

    def without(self, *names: str) -> str:
        """The query string without some parameters, for a form that sends them itself."""
        gone = {n: v for n, v in self.filters.items() if n not in names}
        q = "" if "q" in names else self.q
        size = DEFAULT_SIZE if "size" in names else self.size
        return replace(self, filters=gone, page=1, q=q, size=size).query()

    @property
    def without_q(self) -> str:
        return self.without("q")

    @property
    def without_size(self) -> str:
        return self.without("size")

    def query(self) -> str:
        """The query string, shortest form: what is at its default is left out."""
        parts: dict[str, Any] = dict(self.kept)
        if self.sort:
            parts["sort"] = f"-{self.sort}" if self.descending else self.sort
        if self.q:
            parts["q"] = self.q
        parts.update(self.filters)
        if self.size != DEFAULT_SIZE:
            parts["size"] = self.size
        if self.page != 1:
            parts["page"] = self.page
        return f"?{urlencode(parts)}" if parts else ""


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else default
