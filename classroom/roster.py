"""A class list as people export it: CSV with a name, an e-mail address and a group, in any of the usual encodings.

Pure. What comes in is untrusted: sizes are bounded, nothing is guessed silently, every fault names its line.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from domain.text import _

BYTES_MAX = 1_000_000
ROWS_MAX = 400
CELL_MAX = 120
# Header words by column, compared without case, blanks and punctuation.
ALIASES: dict[str, tuple[str, ...]] = {
    "name": ("name", "fullname", "student", "studentname", "이름", "성명", "학생", "학생이름", "학생명"),
    "email": ("email", "mail", "emailaddress", "이메일", "메일", "전자우편", "이메일주소", "메일주소"),
    "group": ("group", "class", "section", "team", "반", "분반", "조", "그룹", "학급", "팀"),
    "username": ("username", "user", "login", "account", "id", "studentid", "number", "아이디", "계정", "학번", "번호"),
}
ENCODINGS = ("utf-8-sig", "cp949")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
USERNAME = re.compile(r"[\w.@+-]{1,150}")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a line of the file; line 0 is the file itself. `text` is an English %-format over `fields`."""

    line: int
    text: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One student of the list. `username` is what the account is called; existing accounts are found by it."""

    line: int
    name: str
    email: str
    group: str
    username: str

    def as_list(self) -> list[Any]:
        return [self.line, self.name, self.email, self.group, self.username]


@dataclass(frozen=True, slots=True)
class Roster:
    """A list that was read. Nothing of it may be used while there are faults."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]


def read(data: bytes) -> Roster:
    """Read a class list. Never raises: whatever is wrong becomes a fault."""
    if len(data) > BYTES_MAX:
        return _nothing(_("The file is larger than %(limit)s KB."), limit=BYTES_MAX // 1000)
    text = _decoded(data)
    if text is None:
        return _nothing(_("The file is neither UTF-8 nor CP949 text."))
    try:
        rows = _rows(text)
    except csv.Error as error:
        return _nothing(_("The file is no CSV: %(reason)s"), reason=str(error)[:CELL_MAX])
    if not rows:
        return _nothing(_("The file is empty."))
    return _listed(rows)


def _nothing(text: str, **fields: Any) -> Roster:
    return Roster((), (Fault(0, text, fields),))


def _decoded(data: bytes) -> str | None:
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """(line, cells) of every line that is not blank; commas, semicolons or tabs, whatever the header has most of."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    return [(reader.line_num, [_plain(cell) for cell in cells]) for cells in reader if any(map(str.strip, cells))]


def _plain(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).strip()


def _listed(rows: Sequence[tuple[int, list[str]]]) -> Roster:
    columns = _columns(rows[0][1])
    if "name" not in columns and "email" not in columns:
        return _nothing(
            _("The first line has to name the columns: name, e-mail, group. It has neither name nor e-mail.")
        )
    if len(rows) - 1 > ROWS_MAX:
        return _nothing(_("The list has %(rows)s students; at most %(limit)s fit."), rows=len(rows) - 1, limit=ROWS_MAX)
    if len(rows) == 1:
        return _nothing(_("The list has a header and no students."))
    entries: list[Entry] = []
    faults: list[Fault] = []
    for line, cells in rows[1:]:
        found = {key: cells[at] if at < len(cells) else "" for key, at in columns.items()}
        wrong = _wrong(line, found, cells)
        faults += wrong
        if not wrong:
            entries.append(_entry(line, found))
    return Roster(tuple(entries), (*faults, *_twice(entries)))


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Which cell is which column; the first that fits wins."""
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        word = re.sub(r"[\W_]+", "", cell.casefold())
        for key, aliases in ALIASES.items():
            if word in aliases:
                found.setdefault(key, at)
    return found


def _wrong(line: int, found: dict[str, str], cells: Sequence[str]) -> list[Fault]:
    if any(len(cell) > CELL_MAX for cell in cells):
        return [Fault(line, _("A cell has more than %(limit)s characters."), {"limit": CELL_MAX})]
    faults = []
    for value in found.values():
        if value.startswith(FORMULA) or any(unicodedata.category(sign) in ("Cc", "Cf") for sign in value):
            faults.append(Fault(line, _("“%(value)s” looks like a formula or holds control characters."),
                                {"value": value[:40]}))  # fmt: skip
    if faults:
        return faults
    if not found.get("name") and not found.get("email"):
        return [Fault(line, _("There is neither a name nor an e-mail address."))]
    if found.get("email") and not _is_email(found["email"]):
        faults.append(Fault(line, _("“%(value)s” is no e-mail address."), {"value": found["email"]}))
    if found.get("username") and not USERNAME.fullmatch(found["username"]):
        faults.append(Fault(line, _("“%(value)s” cannot be the name of an account."), {"value": found["username"]}))
    return faults


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _entry(line: int, found: dict[str, str]) -> Entry:
    email = found.get("email", "").lower()
    return Entry(line, found.get("name", ""), email, found.get("group", "")[:40], _username(found, email))


def _username(found: dict[str, str], email: str) -> str:
    """The column of that name, else the e-mail address, else the name without blanks."""
    if given := found.get("username", ""):
        return given
    return email or re.sub(r"[^\w.@+-]+", "", found.get("name", "").casefold()) or "student"


def _twice(entries: Sequence[Entry]) -> list[Fault]:
    """Lines that name an account a second time."""
    first: dict[str, int] = {}
    faults = []
    for entry in entries:
        key = entry.username.casefold()
        if key in first:
            faults.append(Fault(entry.line, _("“%(value)s” is in line %(line)s already."),
                                {"value": entry.username, "line": first[key]}))  # fmt: skip
        first.setdefault(key, entry.line)
    return faults
