"""Accounts of other providers and second factors: to look at, and to take away from who has lost his phone.

Providers are set up by the environment alone, so that the tables for them have no page; no account is verified by mail.
"""

from __future__ import annotations

from typing import Any

from allauth.account import admin as account_admin  # noqa: F401  they register what is taken over here
from allauth.account.models import EmailAddress
from allauth.mfa import admin as mfa_admin  # noqa: F401
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as social_admin  # noqa: F401
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.http import HttpRequest

from inventory import audit
from inventory.admin.base import ReadOnlyAdmin
from inventory.models import ChartView

for model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class TakenAwayAdmin(ReadOnlyAdmin):
    """Rows that an administrator may delete, one by one; the audit log says so."""

    list_select_related = ("user",)
    search_fields = ("user__username",)
    actions = None
    audited = ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        audit.append(request.user, self.audited, detail={"of": str(obj.user), "type": str(obj)})
        super().delete_model(request, obj)


@admin.register(Authenticator)
class AuthenticatorAdmin(TakenAwayAdmin):
    """Without its secret. With the last app the recovery codes go, and log-in asks for the password alone."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    exclude = ("data",)
    audited = "UserDirectory.secondFactorOff"

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        delete_dangling_recovery_codes(obj.user)


@admin.register(SocialAccount)
class SocialAccountAdmin(TakenAwayAdmin):
    """Who came by which provider. Without the row the person gets a new account the next time."""

    list_display = ("user", "provider", "uid", "date_joined", "last_login")
    list_filter = ("provider",)
    exclude = ("extra_data",)
    audited = "UserDirectory.providerForgotten"


@admin.register(ChartView)
class ChartViewAdmin(ReadOnlyAdmin):
    """Charts that people keep under a name."""

    list_display = ("name", "user", "kind", "counters", "targets", "period", "style", "vcenter")
    list_filter = ("kind",)
    list_select_related = ("user", "vcenter")
    search_fields = ("name", "user__username")
