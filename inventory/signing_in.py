"""How allauth logs people in here: into accounts of this site, with the rights that were granted and no others."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa import signals as mfa_signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from inventory import audit
from inventory.models import Preferences
from inventory.shell import THEME_COOKIE

YEAR_S = 365 * 86_400
REMEMBER = "log-in-remember"  # in the session, between the password and the second factor
LOCAL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Accounts(DefaultAccountAdapter):
    """Local accounts: nobody makes one by himself."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the page that follows says enough."""

    def login(self, request: HttpRequest, user: Any) -> None:
        """Who came by a provider, or by a code, is looked up like anybody else afterwards."""
        if not hasattr(user, "backend"):
            user.backend = LOCAL_BACKEND
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Any, **about: Any) -> HttpResponse:
        """End the session with the browser unless asked otherwise; theme and language as the person prefers."""
        answer = super().post_login(request, user, **about)
        if not request.session.pop(REMEMBER, False):
            request.session.set_expiry(0)
        return as_preferred(user, answer)


class Providers(DefaultSocialAccountAdapter):
    """Accounts of other providers. Who comes for the first time gets an account of his own, with no right at all.

    An account is never taken for another one because of its name or e-mail address: whoever could choose these at the
    provider could else take over a local account.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.SSO_NEW_ACCOUNTS)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        user = super().save_user(request, sociallogin, form)
        detail = {"provider": sociallogin.account.provider, "subject": sociallogin.account.uid}
        audit.append(user, "UserDirectory.createFromProvider", detail=detail)
        return user

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        audit.append(None, "SessionManager.loginFailed", detail={"provider": str(provider), "error": str(error or "")})


class SecondFactor(DefaultMFAAdapter):
    """Secrets lie encrypted in the database: a copy of it alone gives no codes."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        return "vSphere Web"


def _box() -> Fernet:
    """The key follows from SECRET_KEY, by a way of its own."""
    digest = hashlib.sha256(b"second factor\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def as_preferred(user: Any, answer: HttpResponse) -> HttpResponse:
    """Theme and language lie in cookies, so that pages without a log-in follow them on this browser too."""
    preferences = Preferences.objects.filter(user=user).first()
    if preferences is not None:
        chosen = {THEME_COOKIE: preferences.theme, settings.LANGUAGE_COOKIE_NAME: preferences.language}
        for name, value in chosen.items():
            if value:
                answer.set_cookie(name, value, max_age=YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return answer


def offered(request: HttpRequest) -> list[Any]:
    """The providers of the log-in page; each has a `name` and a `get_login_url`."""
    configured = any(one.get("APPS") for one in settings.SOCIALACCOUNT_PROVIDERS.values())
    return get_adapter(request).list_providers(request) if configured else []


# --- the audit log ---------------------------------------------------------------------------------------------------
def _added(sender: Any, user: Any, authenticator: Any, **_signal: Any) -> None:
    audit.append(user, "UserDirectory.secondFactorOn", detail={"type": str(authenticator.type)})


def _removed(sender: Any, user: Any, authenticator: Any, **_signal: Any) -> None:
    audit.append(user, "UserDirectory.secondFactorOff", detail={"type": str(authenticator.type)})


def watch() -> None:
    """Hear of second factors; called once, when Django starts."""
    mfa_signals.authenticator_added.connect(_added, dispatch_uid="second-factor-on")
    mfa_signals.authenticator_removed.connect(_removed, dispatch_uid="second-factor-off")
