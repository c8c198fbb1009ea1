"""Coming, going, being locked out, one's own password."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client

from inventory import audit, sessions
from inventory.models import AuditEntry, Preferences
from tests.cast import PASSWORD, Cast


def log_in(client: Client, name: str, password: str = PASSWORD, **also: Any) -> Any:
    return client.post("/login/", {"username": name, "password": password, **also})


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_log_in_leads_where_one_wanted_to_go(client: Client, cast: Cast) -> None:
    page = client.get("/login/?next=/preferences/")
    assert page.status_code == 200
    assert 'value="/preferences/"' in page.content.decode()
    answer = log_in(client, "reader", next="/preferences/")
    assert (answer.status_code, answer["Location"]) == (302, "/preferences/")
    assert actions() == ["SessionManager.login"]


def test_nobody_is_sent_to_another_site(client: Client, cast: Cast) -> None:
    assert log_in(client, "reader", next="https://evil.example/")["Location"] == settings.LOGIN_REDIRECT_URL


def test_a_session_ends_with_the_browser_unless_asked_otherwise(client: Client, cast: Cast) -> None:
    log_in(client, "reader")
    assert client.session.get_expire_at_browser_close()
    client.logout()
    log_in(client, "reader", remember="on")
    assert not client.session.get_expire_at_browser_close()


def test_a_wrong_password_keeps_the_name(client: Client, cast: Cast) -> None:
    answer = log_in(client, "reader", "wrong")
    assert answer.status_code == 200
    assert 'value="reader"' in answer.content.decode()
    assert "wrong" not in str(AuditEntry.objects.get().detail)
    assert actions() == ["SessionManager.loginFailed"]


def test_too_many_failures_lock_that_name_here_alone(client: Client, cast: Cast) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = log_in(client, "reader", "wrong")
    assert answer.status_code == 429
    assert log_in(client, "reader").status_code == 429
    written = AuditEntry.objects.count()
    log_in(client, "reader", "wrong")
    assert AuditEntry.objects.count() == written
    assert log_in(client, "operator").status_code == 302


def test_log_out_is_a_post(client: Client, cast: Cast) -> None:
    log_in(client, "reader")
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == settings.LOGOUT_REDIRECT_URL
    assert client.get("/preferences/").status_code == 302
    assert actions() == ["SessionManager.login", "SessionManager.logout"]


def test_cookies_follow_the_preferences(client: Client, cast: Cast) -> None:
    Preferences.objects.create(user=cast.reader, theme="dark", language="ko")
    answer = log_in(client, "reader")
    assert answer.cookies["theme"].value == "dark"
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "ko"


def test_a_new_password_ends_the_other_sessions(client: Client, cast: Cast) -> None:
    elsewhere = Client()
    log_in(elsewhere, "reader")
    log_in(client, "reader")
    new = "quite-another-password"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/password/", {**fields, "old_password": "wrong"}).status_code == 422
    assert client.post("/password/", fields)["Location"] == "/password/changed/"
    assert client.get("/password/changed/").status_code == 200
    assert elsewhere.get("/preferences/").status_code == 302
    assert log_in(Client(), "reader", new).status_code == 302


def test_sessions_are_listed_and_ended(client: Client, cast: Cast) -> None:
    log_in(client, "reader")
    (one,) = sessions.open_sessions()
    assert (one.user, one.address) == (cast.reader, "127.0.0.1")
    assert client.session.session_key not in one.handle
    assert sessions.end(cast.teacher, one.handle)
    assert not sessions.end(cast.teacher, one.handle)
    assert client.get("/preferences/").status_code == 302
    assert audit.verify().intact


@pytest.mark.parametrize("name", ["403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_stand_without_a_request(name: str) -> None:
    assert "<h1" in render_to_string(name)


def test_an_unknown_address_is_a_friendly_404(client: Client, db: None) -> None:
    answer = client.get("/no/such/address/")
    assert answer.status_code == 404
    assert b"vSphere Web" in answer.content
