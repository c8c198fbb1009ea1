"""The searches that a person keeps."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from domain import faults
from inventory.models import SavedSearch
from inventory.services.base import valid_name

MOST, LONGEST = 100, 2000  # searches of one person; characters of an address


def save(user: Any, name: str, query: str) -> SavedSearch:
    """Keep the search of an address under a name. Raises InvalidName, DuplicateName, LimitExceeded."""
    name = valid_name(name)
    if len(query) > LONGEST:
        raise faults.LimitExceeded(property="search", limit=LONGEST)
    if SavedSearch.objects.filter(user=user).count() >= MOST:
        raise faults.LimitExceeded(property="saved searches", limit=MOST)
    try:
        with transaction.atomic():
            return SavedSearch.objects.create(user=user, name=name, query=query)
    except IntegrityError:
        raise faults.DuplicateName(name=name) from None


def remove(user: Any, pk: int) -> bool:
    """Forget one of the person's own; False where there is none of that number."""
    gone, _by_model = SavedSearch.objects.filter(user=user, pk=pk).delete()
    return bool(gone)
