"""Log-in by a directory. Imported only where LDAP_URL is set and django-auth-ldap is installed."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django_auth_ldap.backend import LDAPBackend


class LocalNamesStayLocal(LDAPBackend):
    """A directory's entry never opens a local account of the same name; a new person gets an account without rights."""

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[Any, bool]:
        """The account of an entry, and whether it is new.

        Raises:
            PermissionDenied: the name belongs to a local account, one with a password of its own.
        """
        user, new = super().get_or_build_user(username, ldap_user)
        if not new and user.has_usable_password():
            raise PermissionDenied
        if new:
            user.set_unusable_password()
        return user, new
