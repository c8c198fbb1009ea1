"""Answers that several views give: files, refusals."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from domain import faults
from inventory import words

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> StreamingHttpResponse:
    """A CSV download, written while it is read; the mark at its start makes spreadsheets read UTF-8."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield "\ufeff"
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow([_harmless(cell) for cell in row])

    answer = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _harmless(cell: str) -> str:
    """A leading apostrophe keeps `=cmd()` a text."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def fault_answer(request: HttpRequest, fault: faults.MethodFault) -> HttpResponse:
    """A refusal: its name and sentence; 403 where a right is missing, else 409."""
    status = 403 if isinstance(fault, faults.NoPermission) else 409
    context = {"fault": fault, "sentence": words.fault_sentence(fault.to_dict())}
    return render(request, "inventory/fragments/fault.html", context, status=status)
