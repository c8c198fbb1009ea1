"""The audit log: who asked for what, in one chain of digests that shows any later change.

An entry is written in the transaction of what it tells of, so that neither is there without the other. Its digest
covers its own text and the digest before it; to change, insert or remove an entry, all later ones would have to be
rewritten. What no chain shows is the removal of its last entries: note the newest digest elsewhere from time to time
(`manage.py verify_audit` prints it) and hand it to `--expect`.

Appending locks the chain until the transaction ends. Do it last in a transaction, after every other lock is taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from inventory.models import AuditEntry

GENESIS = "0" * 64
_CHAIN_LOCK = 0x61756469  # any number that no other advisory lock of the database uses


@dataclass(frozen=True, slots=True)
class Verdict:
    """`entries` were read, `tip` is the digest of the last good one; `broken` is the first bad entry's id."""

    entries: int
    tip: str
    broken: int | None = None
    problem: str | Promise = ""

    @property
    def intact(self) -> bool:
        return self.broken is None and not self.problem


def append(user: Any, action: str, entity: Any = None, detail: Mapping[str, Any] | None = None) -> AuditEntry:
    """Add an entry to the chain; `entity` is any managed object or vCenter, `detail` anything JSON can hold."""
    vcenter = getattr(entity, "vcenter", None)
    told = dict(detail or {})
    if vcenter is not None:
        told["vcenter"] = str(vcenter.uuid)  # stays when the row's reference goes with its vCenter
    with transaction.atomic():
        entry = AuditEntry(
            vcenter=vcenter,
            created_at=now(),
            user_name=_text(user.get_username() if user is not None else "", 150),
            action=_text(action, 80),
            entity=_text(getattr(entity, "moref", ""), 24),
            entity_name=_text(getattr(entity, "name", ""), 80),
            detail=_plain(told),
            previous=_lock_tip(),
        )
        entry.digest = digest_of(entry)
        entry.save(force_insert=True)
    return entry


def _lock_tip() -> str:
    """Keep others from appending until this transaction ends; return the newest digest.

    SQLite's transactions are IMMEDIATE: a writer already holds the only write lock. PostgreSQL gets an advisory lock;
    the query after it sees what the holder before has committed.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    return AuditEntry.objects.order_by("-id").values_list("digest", flat=True).first() or GENESIS


def digest_of(entry: AuditEntry) -> str:
    """SHA-256, hexadecimal, of the previous digest and the entry's canonical text."""
    told = {
        "created_at": entry.created_at.isoformat(),
        "user_name": entry.user_name,
        "action": entry.action,
        "entity": entry.entity,
        "entity_name": entry.entity_name,
        "detail": entry.detail,
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"{entry.previous}\n{text}".encode()).hexdigest()


def verify(expected_tip: str = "") -> Verdict:
    """Read the whole chain; stop at the first entry that does not follow from the one before."""
    tip, entries = GENESIS, 0
    found_expected = not expected_tip
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=2000):
        if entry.previous != tip:
            return Verdict(entries, tip, entry.pk, _("An entry before this one was removed, inserted or reordered."))
        if entry.digest != digest_of(entry):
            return Verdict(entries, tip, entry.pk, _("This entry was changed."))
        tip, entries = entry.digest, entries + 1
        found_expected = found_expected or tip == expected_tip
    if not found_expected:
        return Verdict(entries, tip, None, _("The expected entry is gone: the end of the chain was cut off."))
    return Verdict(entries, tip)


def fingerprint(secret: str) -> str:
    """A short digest that names a secret without giving it away."""
    return hashlib.sha256(f"fingerprint\n{secret}".encode()).hexdigest()[:24]


def _text(value: object, length: int) -> str:
    """What a column of both databases gives back unchanged."""
    return str(value).replace("\x00", "")[:length]


def _plain(value: Any) -> Any:
    """JSON that both databases give back unchanged: PostgreSQL rewrites fractions and refuses NUL."""
    if isinstance(value, Mapping):
        return {_text(key, 200): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if value is None or isinstance(value, bool | int):
        return value
    return _text(value, 4000)
