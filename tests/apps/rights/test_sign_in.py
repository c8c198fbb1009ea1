"""Log-in by an OpenID provider that runs on the loopback, by a second factor, and what is off when nothing is set."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client

from inventory import rights
from inventory.models import AuditEntry
from tests.builders import small_lab
from tests.cast import PASSWORD, Cast, make_user

KEY = "a-key-of-the-provider-that-is-long-enough-for-hs256"
NOON_S = 1_800_014_400
HERE = "sso/oidc/oidc/login/"


class FakeProvider(HTTPServer):
    """An OpenID provider: `person` is who comes; `asked` what was asked of the token endpoint."""

    person: dict[str, Any]
    asked: dict[str, list[str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: FakeProvider

    def do_GET(self) -> None:
        url = self.server.url
        if self.path.endswith("/openid-configuration"):
            names = {"authorization_endpoint": "auth", "token_endpoint": "token", "userinfo_endpoint": "me"}
            self._say({"issuer": url, "jwks_uri": f"{url}/keys", **{k: f"{url}/{v}" for k, v in names.items()}})
        elif self.path == "/me" and self.headers["Authorization"] == "Bearer the-token":
            self._say(self.server.person)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.server.asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.server.asked["code"] != ["the-code"]:
            return self._say({"error": "invalid_grant"}, 400)
        claims = {"iss": self.server.url, "aud": "vsphere", "exp": time.time() + 3600, "iat": time.time()}
        token = jwt.encode({**claims, **self.server.person}, KEY, "HS256")
        self._say({"access_token": "the-token", "token_type": "Bearer", "id_token": token})

    def _say(self, body: dict[str, Any], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def _no_limits_from_before() -> None:
    """Rate limits and used codes are kept in the cache, by the keys of accounts; each test has the same ones."""
    cache.clear()


@pytest.fixture(autouse=True)
def _one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code is of one half minute, which must not end between what the app shows and what the site expects."""
    monkeypatch.setattr(totp, "time", SimpleNamespace(time=lambda: float(NOON_S)))


@pytest.fixture
def provider(settings: Any) -> Iterator[FakeProvider]:
    server = FakeProvider(("127.0.0.1", 0), Answers)
    server.person = {"sub": "subject-1", "preferred_username": "jin", "email": "jin@example.org", "name": "Jin Park"}
    server.asked = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = {"provider_id": "oidc", "name": "Campus", "client_id": "vsphere", "secret": "hush",
           "settings": {"server_url": server.url, "scope": ["openid", "profile"]}}  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    yield server
    server.shutdown()
    server.server_close()


def come(client: Client, **changed: str) -> Any:
    """Press the button, be sent to the provider, come back with its code."""
    sent = client.post(f"/{HERE}?process=login&next=/preferences/")
    assert sent.status_code == 302
    asked = parse_qs(urlsplit(sent["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    answer = {"code": "the-code", "state": asked["state"][0], **changed}
    return client.get(f"/{HERE}callback/", answer)


def user_of(client: Client) -> Any:
    return get_user_model().objects.filter(pk=client.session.get("_auth_user_id")).first()


# --- OpenID Connect --------------------------------------------------------------------------------------------------
def test_the_log_in_page_shows_the_provider(client: Client, db: None, provider: FakeProvider) -> None:
    html = client.get("/login/?next=/preferences/").content.decode()
    assert "Campus" in html
    assert f"/{HERE}?process=login&amp;next=%2Fpreferences%2F" in html


def test_without_settings_there_is_no_provider(client: Client, db: None) -> None:
    assert "login-providers" not in client.get("/login/").content.decode()
    assert client.get(f"/{HERE}").status_code == 404
    assert settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] == ["'self'"]


def test_who_comes_first_gets_an_account_without_rights(client: Client, db: None, provider: FakeProvider) -> None:
    lab = small_lab()
    answer = come(client)
    assert (answer.status_code, answer["Location"]) == (302, "/preferences/")
    jin = user_of(client)
    assert (jin.username, jin.is_staff, jin.is_superuser, jin.has_usable_password()) == ("jin", False, False, False)
    assert rights.privileges(jin, lab.vcenter) == frozenset()
    assert client.get(f"/vc/{lab.vcenter.uuid}/").status_code == 404
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["UserDirectory.createFromProvider", "SessionManager.login"]
    assert client.session.get_expire_at_browser_close()
    client.logout()
    come(client)
    assert user_of(client) == jin
    assert get_user_model().objects.count() == 1


def test_a_name_at_the_provider_opens_no_local_account(client: Client, db: None, provider: FakeProvider) -> None:
    boss = make_user("administrator", is_superuser=True, email="boss@example.org")
    provider.person |= {"preferred_username": "administrator", "email": "boss@example.org", "email_verified": True}
    come(client)
    newcomer = user_of(client)
    assert newcomer != boss
    assert newcomer.username != boss.username
    assert not newcomer.is_superuser


def test_new_accounts_can_be_left_to_administrators(
    client: Client, db: None, provider: FakeProvider, settings: Any
) -> None:
    settings.SSO_NEW_ACCOUNTS = False
    answer = come(client)
    assert user_of(client) is None
    assert not get_user_model().objects.exists()
    assert answer.status_code == 200
    assert "Ask an administrator" in answer.content.decode()


@pytest.mark.parametrize("changed", [{"state": "forged"}, {"code": "stolen"}])
def test_a_forged_answer_opens_nothing(
    client: Client, db: None, provider: FakeProvider, changed: dict[str, str]
) -> None:
    answer = come(client, **changed)
    assert user_of(client) is None
    assert "SessionManager.loginFailed" in AuditEntry.objects.values_list("action", flat=True)
    assert "did not confirm" in answer.content.decode()


def test_a_token_for_somebody_else_is_refused(client: Client, db: None, provider: FakeProvider) -> None:
    provider.person |= {"aud": "another-site"}
    come(client)
    assert user_of(client) is None


def test_a_closed_account_stays_closed(client: Client, db: None, provider: FakeProvider) -> None:
    come(client)
    client.logout()
    get_user_model().objects.update(is_active=False)
    assert come(client)["Location"] == "/login/inactive/"
    assert user_of(client) is None
    assert client.get("/login/inactive/").status_code == 200


# --- the second factor -----------------------------------------------------------------------------------------------
def code_of(secret: str) -> str:
    """What the app shows now."""
    return format_hotp_value(hotp_value(secret, NOON_S // 30))


def enabled(client: Client, who: str) -> tuple[str, list[str]]:
    """Turn the second factor on as that person; the secret and the recovery codes."""
    client.post("/login/", {"username": who, "password": PASSWORD})
    page = client.get("/second-factor/on/", follow=True)
    assert page.redirect_chain[0][0].startswith("/login/again/"), "it asks for the password again"
    page = client.post(page.redirect_chain[0][0], {"password": PASSWORD}, follow=True)
    secret = page.context["form"].secret
    assert client.post("/second-factor/on/", {"code": "000000"}).status_code == 200
    page = client.post("/second-factor/on/", {"code": code_of(secret)}, follow=True)
    codes = list(page.context["unused_codes"])
    assert len(codes) == 10
    client.logout()
    return secret, codes


def test_log_in_asks_for_a_code_and_remembers_what_was_wanted(client: Client, cast: Cast) -> None:
    secret, _codes = enabled(client, "reader")
    entry = {"username": "reader", "password": PASSWORD, "next": "/preferences/", "remember": "on"}
    answer = client.post("/login/", entry)
    assert answer["Location"].startswith("/login/code/")
    assert user_of(client) is None
    assert client.get("/preferences/").status_code == 302, "not in yet"
    assert client.get("/login/code/").status_code == 200
    cache.clear()  # the code of this half minute was used already
    answer = client.post("/login/code/", {"code": code_of(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/preferences/")
    assert user_of(client) == cast.reader
    assert not client.session.get_expire_at_browser_close()


def test_a_recovery_code_works_once(client: Client, cast: Cast) -> None:
    _secret, codes = enabled(client, "reader")
    for status in (302, 422):
        client.post("/login/", {"username": "reader", "password": PASSWORD})
        assert client.post("/login/code/", {"code": codes[0]}).status_code == status
        client.logout()


def test_wrong_codes_lock_the_name(client: Client, cast: Cast) -> None:
    enabled(client, "reader")
    client.post("/login/", {"username": "reader", "password": PASSWORD})
    answers = [client.post("/login/code/", {"code": "123456"}).status_code for _ in range(12)]
    assert answers[0] == 422
    assert answers[-1] == 429
    assert Client().post("/login/", {"username": "reader", "password": PASSWORD}).status_code == 429


def test_the_secret_lies_encrypted(client: Client, cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        secret, codes = enabled(client, "reader")
    stored = json.dumps([row.data for row in Authenticator.objects.filter(user=cast.reader)])
    assert secret not in stored
    assert not any(code in stored for code in codes)
    assert "UserDirectory.secondFactorOn" in AuditEntry.objects.values_list("action", flat=True)


def test_turning_it_off_wants_the_person_again(client: Client, cast: Cast) -> None:
    _secret, codes = enabled(client, "reader")
    client.post("/login/", {"username": "reader", "password": PASSWORD})
    client.post("/login/code/", {"code": codes[0]})
    assert client.post("/second-factor/off/")["Location"].startswith("/login/again/")
    assert Authenticator.objects.filter(user=cast.reader).exists()
    client.post("/login/again/", {"password": PASSWORD})
    client.post("/second-factor/off/")
    assert "UserDirectory.secondFactorOff" in AuditEntry.objects.values_list("action", flat=True)
    assert not Authenticator.objects.filter(user=cast.reader).exists()


@pytest.mark.parametrize("path", ["", "on/", "off/", "codes/", "codes/new/", "codes/file/"])
def test_a_stranger_sees_no_second_factor(client: Client, db: None, path: str) -> None:
    answer = client.get(f"/second-factor/{path}")
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


# --- the environment -------------------------------------------------------------------------------------------------
def settings_with(**variables: str) -> subprocess.CompletedProcess[str]:
    """What a fresh process reads from these variables."""
    code = "from vsphere_web import signin; print(signin.providers(), signin.form_targets(), signin.backends())"
    environment = {"PATH": "/usr/bin:/bin", **variables}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True)


def test_the_environment_names_the_provider() -> None:
    given = {"OIDC_ISSUER": "https://id.example.org/realm", "OIDC_CLIENT_ID": "vsphere", "OIDC_CLIENT_SECRET": "hush"}
    told = settings_with(**given).stdout
    assert "'client_id': 'vsphere'" in told
    assert "['https://id.example.org'] []" in told


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OIDC_ISSUER": "http://id.example.org"}, "https://"),
        ({"OIDC_ISSUER": "https://id.example.org"}, "OIDC_CLIENT_ID is missing"),
        ({"SAML_ENTITY_ID": "urn:idp"}, "requirements-saml.txt"),
        ({"LDAP_URL": "ldaps://ldap.example.org"}, "requirements-ldap.txt"),
    ],
)
def test_what_is_half_set_is_said(variables: dict[str, str], said: str) -> None:
    done = settings_with(**variables)
    assert done.returncode
    assert said in done.stderr


# --- the admin site --------------------------------------------------------------------------------------------------
def test_an_administrator_takes_a_lost_factor_away_and_sees_no_secret(client: Client, cast: Cast) -> None:
    enabled(client, "reader")
    client.force_login(cast.teacher, settings.AUTHENTICATION_BACKENDS[1])
    app = Authenticator.objects.get(user=cast.reader, type="totp")
    page = client.get(f"/admin/mfa/authenticator/{app.pk}/change/").content.decode()
    assert "secret" not in page.replace("bmcsecret", "")  # a link of the menu
    client.post(f"/admin/mfa/authenticator/{app.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.filter(user=cast.reader).exists()
    entry = AuditEntry.objects.filter(action="UserDirectory.secondFactorOff").get()
    assert (entry.user_name, entry.detail["of"]) == ("teacher", "reader")
    assert client.get("/admin/socialaccount/socialapp/").status_code == 404
