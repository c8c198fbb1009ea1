"""Log-in by a directory. Imported only where LDAP_URL is set and django-auth-ldap is installed.

An account is bound to the entry that it was made for, in the same table as accounts of other providers: by the number
that the directory gave the entry and that stays when it is renamed, or by its place where there is no such number.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django_auth_ldap.backend import LDAPBackend

from inventory import audit

PROVIDER = "ldap"
NUMBERS = ("entryUUID", "objectGUID")  # RFC 4530, Active Directory


def subject_of(entry: Any) -> str:
    """What names a directory's entry for good."""
    for name in NUMBERS:
        if values := entry.attrs.get(name):
            return values[0].hex() if isinstance(values[0], bytes) else str(values[0])
    return str(entry.dn)[:191]


class OfTheDirectory(LDAPBackend):
    """A directory's entry never opens an account that is not its own; a new person gets one without rights."""

    def authenticate_ldap_user(self, ldap_user: Any, password: str) -> Any:
        with transaction.atomic():
            user = super().authenticate_ldap_user(ldap_user, password)
            if user is not None:
                _bind(user, subject_of(ldap_user))
        return user

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[Any, bool]:
        """The account of an entry, and whether it is new.

        Raises:
            PermissionDenied: the name belongs to another account, or nobody new is let in.
        """
        bound = SocialAccount.objects.filter(provider=PROVIDER, uid=subject_of(ldap_user)).select_related("user")
        if (known := bound.first()) is not None:
            return known.user, False
        user, new = super().get_or_build_user(username, ldap_user)
        if not new or not settings.SSO_NEW_ACCOUNTS:
            raise PermissionDenied
        return user, True

    def get_user(self, user_id: Any) -> Any:
        """Who was deactivated is logged in no longer."""
        user = super().get_user(user_id)
        return user if user is not None and user.is_active else None


def _bind(user: Any, subject: str) -> None:
    _account, new = SocialAccount.objects.get_or_create(provider=PROVIDER, uid=subject, defaults={"user": user})
    if new:
        audit.append(user, "UserDirectory.createFromProvider", detail={"provider": PROVIDER, "subject": subject})
