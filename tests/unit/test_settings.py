"""What the settings promise to browsers and proxies."""

import json
import os
import secrets
import subprocess
import sys

import pytest
from django.test import Client, RequestFactory, override_settings

from vsphere_web.env import BASE_DIR

PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(60),
    "ALLOWED_HOSTS": "dashboard.example.org",
    "DATABASE_URL": "postgres://user:password@localhost/name",
    "REDIS_URL": "redis://localhost/0",
    "VSPHERE_WEB_MODE": "production",
}


def settings_of(names: list[str], **env: str) -> dict[str, object]:
    """Return settings as a process with these variables sees them."""
    found = f"{{name: getattr(settings, name, None) for name in {names}}}"
    code = f"import json; from vsphere_web import settings; print(json.dumps({found}))"
    clean = {"PATH": os.environ["PATH"], **PRODUCTION, **env}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE_DIR, env=clean, capture_output=True, text=True, check=True
    )
    values: dict[str, object] = json.loads(done.stdout)
    return values


@pytest.mark.django_db
def test_nothing_inline_may_run_or_style(client: Client) -> None:
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"


@pytest.mark.django_db
def test_health_is_told_by_part_and_by_status(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "database": True, "redis": True}
    with override_settings(REDIS_URL="unix:///no/such/socket"):
        answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unwell", "database": True, "redis": False}


@pytest.mark.django_db
def test_metrics_are_for_staff_alone(client: Client, admin_client: Client) -> None:
    assert client.get("/metrics").status_code == 302
    answer = admin_client.get("/metrics")
    assert answer.status_code == 200
    assert b"django_http_requests_total" in answer.content


def test_production_is_closed_by_default() -> None:
    names = ["DEBUG", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_PROXY_SSL_HEADER"]
    assert settings_of(names, DEBUG="true") == dict(zip(names, [False, True, True, True, None], strict=True))


def test_a_proxy_is_believed_only_where_it_is_announced() -> None:
    name = "SECURE_PROXY_SSL_HEADER"
    assert settings_of([name], BEHIND_TLS_PROXY="true") == {name: ["HTTP_X_FORWARDED_PROTO", "https"]}


def test_behind_a_proxy_a_lock_falls_on_the_visitor_not_on_the_proxy() -> None:
    from axes.helpers import get_client_ip_address

    request = RequestFactory().post("/", headers={"X-Forwarded-For": "203.0.113.9"}, REMOTE_ADDR="10.0.0.1")
    names = ["AXES_IPWARE_PROXY_COUNT", "AXES_IPWARE_META_PRECEDENCE_ORDER"]
    with override_settings(**settings_of(names, BEHIND_TLS_PROXY="true")):
        assert get_client_ip_address(request) == "203.0.113.9"
        pretender = RequestFactory().post("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
        assert get_client_ip_address(pretender) != "198.51.100.1"
