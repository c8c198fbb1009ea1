"""Emptying the database after a test whose transactions are real, in the time that its own rows take.

Django empties every table and makes content types and permissions anew. On PostgreSQL that is a file per table and
index, half a second on a quiet machine; most tests fill a dozen of some hundred tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate

# The same for every test: written once, when the test database is made.
KEPT = {"django_content_type", "auth_permission"}


def flush_what_is_filled() -> None:
    """From here on a flush deletes the rows of tables that have any; those of `KEPT` stay."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(create_permissions, dispatch_uid="django.contrib.auth.management.create_permissions")
    connection.ops.sql_flush = _deletions  # type: ignore[method-assign]


def _deletions(style: Any, tables: Sequence[str], **_options: Any) -> list[str]:
    """The statements; foreign keys are checked at the commit, so that their order does not matter."""
    quoted = {table: connection.ops.quote_name(table) for table in sorted(set(tables) - KEPT)}
    asked = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {name})" for table, name in quoted.items())
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        return [f"DELETE FROM {quoted[table]}" for (table,) in cursor.fetchall()]
