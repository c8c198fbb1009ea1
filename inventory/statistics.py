"""What the database knows of its own tables, by which it plans queries."""

from __future__ import annotations

from typing import Any

from django.db import connection

ROWS_LOOKED_AT = 1000  # per index: enough to tell 80 rows of a lab from 40,000, in milliseconds at any size


def gather() -> None:
    """Look at every table, after many rows have come at once.

    Without this SQLite walks through all virtual machines of a vCenter to count those of one cluster: 21 ms of 40,000
    instead of 0.3 ms.
    """
    with connection.cursor() as cursor:
        _limit(cursor)
        cursor.execute("ANALYZE")


def refresh() -> None:
    """Look again at tables that have changed much. PostgreSQL does that by itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            _limit(cursor)
            cursor.execute("PRAGMA optimize")


def _limit(cursor: Any) -> None:
    if connection.vendor == "sqlite":
        cursor.execute(f"PRAGMA analysis_limit = {ROWS_LOOKED_AT}")
