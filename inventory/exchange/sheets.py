"""Tables of strangers: a zip of CSV files or an xlsx workbook, without formulas, links or macros, within limits."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.exceptions import InvalidFileException

from inventory.exchange.safe import Unreadable

FILE_MAX = 32 << 20
UNPACKED_MAX = 256 << 20
RATIO_MAX = 200  # unpacked to packed: real tables have 5 to 30
FILES_MAX = 200
ROWS_MAX, COLUMNS_MAX, CELL_MAX = 60_000, 300, 4_096


@dataclass(frozen=True)
class Row:
    """One line of a sheet; `number` as a spreadsheet shows it, `cells` by the title of their column."""

    sheet: str
    number: int
    cells: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.sheet}, line {self.number}"


Sheets = dict[str, list[Row]]


def read(data: bytes, wanted: Iterable[str]) -> Sheets:
    """The wanted sheets of a workbook or of a zip of CSV files, by name; what is missing is left out.

    Raises:
        Unreadable: too large, a bomb, encrypted, damaged, with formulas, or neither of the two.
    """
    if len(data) > FILE_MAX:
        raise Unreadable(_("it is larger than %(mb)s MB") % {"mb": FILE_MAX >> 20})
    names = {name.lower(): name for name in wanted}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive)
            if "[Content_Types].xml" in archive.namelist():
                return _workbook(data, names)
            return _csv_files(archive, names)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, EOFError, NotImplementedError, RuntimeError):
        raise Unreadable(_("it is neither an xlsx workbook nor a zip of CSV files, or it is damaged")) from None


def _check(archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    if len(infos) > FILES_MAX:
        raise Unreadable(_("it has more than %(limit)s files") % {"limit": FILES_MAX})
    if any(info.flag_bits & 1 for info in infos):
        raise Unreadable(_("it is encrypted"))
    packed, unpacked = sum(i.compress_size for i in infos), sum(i.file_size for i in infos)
    if unpacked > UNPACKED_MAX or unpacked > max(1, packed) * RATIO_MAX:
        raise Unreadable(_("it unpacks to far more than a table has"))


def _csv_files(archive: zipfile.ZipFile, names: dict[str, str]) -> Sheets:
    found: Sheets = {}
    for info in archive.infolist():
        stem = PurePosixPath(info.filename).stem.lower().removeprefix("rvtools_tab")
        if info.filename.lower().endswith(".csv") and stem in names:
            with archive.open(info) as file:
                text = _decoded(file.read(info.file_size + 1))
            found[names[stem]] = list(_rows(names[stem], csv.reader(io.StringIO(text), _dialect(text))))
    return found


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "utf-16"):
        try:
            if encoding == "utf-8-sig" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", errors="replace")


def _dialect(text: str) -> type[csv.Dialect]:
    """RVTools writes the list separator of the country it runs in."""

    class Own(csv.excel):
        delimiter = max(",;\t", key=text.partition("\n")[0].count)

    return Own


def _workbook(data: bytes, names: dict[str, str]) -> Sheets:
    found: Sheets = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that nobody looks at
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        for sheet in book.worksheets:
            if (name := names.get(sheet.title.lower())) is not None:
                found[name] = list(_rows(name, _cells(name, sheet)))
        book.close()
    except Unreadable:
        raise
    except Exception as error:  # whatever a damaged part makes the reader stumble over
        raise Unreadable(_("the workbook cannot be read (%(error)s)") % {"error": type(error).__name__}) from None
    return found


def _cells(name: str, sheet: Any) -> Iterator[list[str]]:
    for row in sheet.iter_rows(max_col=COLUMNS_MAX):
        cells = []
        for cell in row:
            if getattr(cell, "data_type", "") == "f":
                raise Unreadable(
                    _("%(name)s: the cell %(cell)s has a formula; save the table as values")
                    % {"name": name, "cell": cell.coordinate}
                )
            cells.append("" if cell.value is None else str(cell.value))
        yield cells


def _rows(sheet: str, lines: Iterable[list[str]]) -> Iterator[Row]:
    """Lines with the titles of the first one; empty ones are left out."""
    titles: list[str] | None = None
    try:
        for number, line in enumerate(lines, 1):
            if number > ROWS_MAX or len(line) > COLUMNS_MAX:
                raise Unreadable(
                    _("%(sheet)s: more than %(rows)s lines or %(columns)s columns")
                    % {"sheet": sheet, "rows": f"{ROWS_MAX:,}", "columns": COLUMNS_MAX}
                )
            if any(len(cell) > CELL_MAX for cell in line):
                raise Unreadable(
                    _("%(sheet)s, line %(number)s: a cell has more than %(limit)s characters")
                    % {"sheet": sheet, "number": number, "limit": CELL_MAX}
                )
            if titles is None:
                titles = [title.strip() for title in line]
            elif any(cell.strip() for cell in line):
                yield Row(sheet, number, {t: c.strip() for t, c in zip(titles, line, strict=False) if t})
    except csv.Error as error:
        raise Unreadable(_("%(sheet)s: %(error)s") % {"sheet": sheet, "error": error}) from None
