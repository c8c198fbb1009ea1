"""The commands of a production site, as real processes with the settings of production."""

import http.client
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs import LEAKING, PATIENCE_S, free_port, wait_for
from vsphere_web.env import BASE_DIR

SITE = "dashboard.example.org"


@pytest.fixture
def production(tmp_path: Path, suite_valkey: str) -> dict[str, str]:
    """Return the environment of a site: settings of production, servers of the suite."""
    outer = {name: value for name, value in os.environ.items() if name not in LEAKING}
    return outer | {
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": SITE,
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "REDIS_URL": suite_valkey,
        "STATIC_ROOT": str(tmp_path / "static"),
        "DATA_DIR": str(tmp_path / "unused"),
    }


def manage(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a management command of the site to its end."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def web(production: dict[str, str]) -> Iterator[int]:
    """Run the site's web server; yield its port; it must end cleanly on SIGTERM."""
    for arguments in (("migrate", "--noinput"), ("collectstatic", "--noinput", "--ignore=*.gz")):
        done = manage(production, *arguments)
        assert done.returncode == 0, done.stderr
    port = free_port()
    command = [sys.executable, str(BASE_DIR / "manage.py"), "run_web", f"--port={port}"]
    server = subprocess.Popen(command, env=production)
    try:
        wait_for(lambda: ask(port, "/healthz") or server.poll() is not None, "the web server to answer")
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE_S)


def ask(port: int, path: str, host: str = SITE) -> http.client.HTTPResponse | None:
    """Return the answer to GET `path`; None while nobody listens."""
    try:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        client.request("GET", path, headers={"Host": host})
        return client.getresponse()
    except OSError:
        return None


def test_a_site_is_healthy_redirects_to_tls_and_refuses_other_names(web: int) -> None:
    health, page, stranger = ask(web, "/healthz"), ask(web, "/admin/login/"), ask(web, "/healthz", "elsewhere.org")
    assert health is not None
    assert (health.status, health.read()) == (200, b'{"status": "ok", "database": true, "redis": true}')
    assert page is not None
    assert (page.status, page.headers["Location"]) == (301, f"https://{SITE}/admin/login/")
    assert stranger is not None
    assert stranger.status == 400


@pytest.mark.parametrize("missing", ["ALLOWED_HOSTS", "REDIS_URL", "DATABASE_URL"])
@pytest.mark.parametrize("command", ["run_web", "run_worker", "run_beat"])
def test_a_process_without_its_settings_does_not_start(production: dict[str, str], command: str, missing: str) -> None:
    done = manage({**production, missing: ""}, command)
    assert done.returncode == 1
    assert f"vsphere_web.E001: {missing} is not set" in done.stderr


def test_a_production_process_never_runs_with_the_settings_of_a_lab(production: dict[str, str]) -> None:
    done = manage({**production, "VSPHERE_WEB_MODE": "lab"}, "run_web")
    assert done.returncode == 1
    assert "vsphere_web.E002" in done.stderr
