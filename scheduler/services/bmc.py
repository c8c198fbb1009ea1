"""Power management of a host with the password of its BMC: written by people, read by drivers alone."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction

from inventory.models import Host, Task
from inventory.services import hosts
from inventory.services.base import check
from scheduler.models import BmcSecret


def configure(user: Any, host: Host, password: str = "", forget: bool = False, **fields: Any) -> Task:
    """Change power management; an empty password leaves the one that is kept, `forget` drops it."""
    check(user, "Host.Config.Power", host)
    with transaction.atomic():
        if forget:
            BmcSecret.objects.filter(host=host).delete()
        elif password:
            sealed = _box().encrypt(password.encode()).decode()
            BmcSecret.objects.update_or_create(host=host, defaults={"sealed": sealed})
        return hosts.set_power_management(user, host, **fields)


def is_set(host: Host) -> bool:
    return BmcSecret.objects.filter(host=host).exists()


def password_of(host: Host) -> str | None:
    """For drivers; None where none is kept, or where SECRET_KEY is another since."""
    kept = BmcSecret.objects.filter(host=host).first()
    try:
        return _box().decrypt(kept.sealed.encode()).decode() if kept else None
    except InvalidToken:
        return None


def _box() -> Fernet:
    """The key follows from SECRET_KEY, by a way of its own."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"bmc\0" + settings.SECRET_KEY.encode()).digest()))
