"""Log-in by other providers and by a second factor. The names are those that allauth asks for, hence without a prefix.

Nothing else of allauth has an address here: no sign-up, no e-mail addresses, no reset of passwords.
"""

from importlib.util import find_spec

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.socialaccount import views as social
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.urls import include, path
from django.views.generic import RedirectView

from inventory.views import accounts
from inventory.views import second_factor as own

SAML_APP = "allauth.socialaccount.providers.saml"

urlpatterns = [
    path("login/", accounts.LogIn.as_view(), name="account_login"),
    path("login/code/", own.EnterCode.as_view(), name="mfa_authenticate"),
    path("login/again/", account.reauthenticate, name="account_reauthenticate"),
    path("login/again/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("second-factor/", own.overview, name="mfa_index"),
    path("second-factor/on/", own.local_only(totp.activate_totp), name="mfa_activate_totp"),
    path("second-factor/off/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("second-factor/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("second-factor/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("second-factor/codes/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("sso/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("sso/error/", social.login_error, name="socialaccount_login_error"),
    path("sso/signup/", social.signup, name="socialaccount_signup"),
    path(
        "sso/",
        login_required(RedirectView.as_view(pattern_name="inventory:preferences")),
        name="socialaccount_connections",
    ),
    path("sso/", include("allauth.socialaccount.providers.openid_connect.urls")),
]
if SAML_APP in settings.INSTALLED_APPS and find_spec("onelogin"):
    urlpatterns.append(path("sso/", include(f"{SAML_APP}.urls")))
