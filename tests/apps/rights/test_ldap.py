"""Log-in by a directory: a slapd of the test's own on the loopback, with the product's real backend before it.

Runs where Debian's slapd and django-auth-ldap are installed (requirements-ldap.txt, docs/sso.md).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client

from inventory import rights
from inventory.models import AuditEntry
from tests import builders, cast
from vsphere_web import signin

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/libexec")
pytest.importorskip("django_auth_ldap", reason="django-auth-ldap is not installed (requirements-ldap.txt)")
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(SLAPD is None, reason="slapd is not installed (Debian: apt install slapd)"),
]
SCHEMAS = Path("/etc/ldap/schema")
BASE, ADMIN = "dc=example,dc=org", "cn=admin,dc=example,dc=org"
PATIENCE_S = 60.0
CONFIG = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
disallow bind_anon
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw of-the-directory
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read
"""


class Directory:
    """A running slapd. `person` adds an entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data").mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"ldap://127.0.0.1:{free.getsockname()[1]}"
        self.config = folder / "slapd.conf"
        self.config.write_text(CONFIG.format(schemas=SCHEMAS, folder=folder, base=BASE, admin=ADMIN))
        self.process: Any = None
        self.start()
        top = [("objectClass", [b"dcObject", b"organization"]), ("dc", [b"example"]), ("o", [b"Campus"])]
        self.change(lambda ldap: ldap.add_s(BASE, top))

    def start(self) -> None:
        command = [str(SLAPD), "-d", "0", "-h", self.url, "-f", str(self.config)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.change(lambda ldap: None)
                return
            except Exception:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def change(self, act: Callable[[Any], Any]) -> Any:
        import ldap

        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ADMIN, "of-the-directory")
        try:
            return act(connection)
        finally:
            connection.unbind_s()

    def person(self, uid: str, password: str = "of the campus", **more: str) -> str:
        told = {"cn": uid, "sn": "Park", "givenName": "Jin", "mail": f"{uid}@example.org", "uid": uid,
                "userPassword": password, **more}  # fmt: skip
        entry = [("objectClass", [b"inetOrgPerson"]), *((key, [value.encode()]) for key, value in told.items())]
        dn = f"uid={uid},{BASE}"
        self.change(lambda ldap: ldap.add_s(dn, entry))
        return dn


@pytest.fixture
def directory(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    """A directory that the product asks, set up by the variables of docs/sso.md."""
    cache.clear()
    made = Directory(tmp_path)
    for name, value in {
        "LDAP_URL": made.url, "LDAP_USER_BASE": BASE, "LDAP_BIND_DN": ADMIN, "LDAP_BIND_PASSWORD": "of-the-directory",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name, value in signin.ldap().items():
        setattr(settings, name, value)
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, *signin.backends()]
    try:
        yield made
    finally:
        made.stop()


def log_in(name: str, password: str = "of the campus") -> SimpleNamespace:
    """What the log-in page made of a name and a password: who is logged in then, None for nobody."""
    client = Client()
    answer = client.post("/login/", {"username": name, "password": password})
    user = get_user_model().objects.filter(pk=client.session.get("_auth_user_id")).first()
    return SimpleNamespace(client=client, user=user, status=answer.status_code)


def test_a_person_of_the_directory_gets_an_account_without_rights(directory: Directory) -> None:
    lab = builders.small_lab()
    directory.person("jin", givenName="진", sn="박")
    come = log_in("jin")
    assert come.user is not None
    assert (come.user.first_name, come.user.last_name, come.user.email) == ("진", "박", "jin@example.org")
    assert not come.user.has_usable_password()
    assert (come.user.is_staff, come.user.is_superuser) == (False, False)
    assert not rights.has(come.user, "System.Read", lab.vcenter)
    assert come.client.get(f"/vc/{lab.vcenter.uuid}/{lab.vcenter.moref}/").status_code == 404
    assert AuditEntry.objects.filter(action="UserDirectory.createFromProvider", user_name="jin").count() == 1
    assert log_in("JIN").user == come.user  # the same one the next time, and no second account
    assert get_user_model().objects.filter(username__iexact="jin").count() == 1
    assert AuditEntry.objects.filter(action="UserDirectory.createFromProvider").count() == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [("jin", "wrong"), ("jin", ""), ("nobody", "of the campus"), ("*", "of the campus"), ("j*", "of the campus"),
     ("jin)(uid=*", "of the campus"), ("", "")],
)  # fmt: skip
def test_what_is_wrong_lets_nobody_in(directory: Directory, name: str, password: str) -> None:
    directory.person("jin")
    assert log_in(name, password).user is None
    assert not get_user_model().objects.exists()


def test_an_entry_never_opens_somebody_elses_account(directory: Directory) -> None:
    from allauth.socialaccount.models import SocialAccount

    local = cast.make_user("boss", is_superuser=True)
    other = cast.make_user("jin")
    other.set_unusable_password()
    other.save()
    SocialAccount.objects.create(user=other, provider="oidc", uid="subject-1")
    directory.person("boss")
    directory.person("jin", mail=local.email or "boss@example.org")
    assert log_in("boss").user is None
    assert log_in("Boss").user is None
    assert log_in("jin").user is None
    assert log_in("boss", cast.PASSWORD).user == local  # and the local password goes on working
    local.refresh_from_db()
    assert local.last_name != "Park"


def test_a_name_that_is_given_to_another_person_does_not_inherit_the_account(directory: Directory) -> None:
    dn = directory.person("jin")
    first = log_in("jin").user
    directory.change(lambda ldap: ldap.rename_s(dn, "uid=jin.park"))
    assert log_in("jin.park").user == first  # the same person under another name
    directory.person("jin")
    assert log_in("jin").user is None


def test_where_no_new_accounts_are_wanted_only_those_come_who_came_before(directory: Directory, settings: Any) -> None:
    directory.person("jin")
    directory.person("mia")
    known = log_in("jin").user
    settings.SSO_NEW_ACCOUNTS = False
    assert log_in("jin").user == known
    assert log_in("mia").user is None
    assert not get_user_model().objects.filter(username="mia").exists()


def test_a_deactivated_account_is_closed_at_once(directory: Directory) -> None:
    directory.person("jin")
    come = log_in("jin")
    assert come.client.get("/preferences/").status_code == 200
    get_user_model().objects.filter(pk=come.user.pk).update(is_active=False)
    assert come.client.get("/preferences/").status_code == 302
    assert log_in("jin").user is None


def test_failures_lock_the_name_as_for_local_accounts(directory: Directory, settings: Any) -> None:
    settings.AXES_ENABLED = True
    directory.person("jin")
    statuses = [log_in("jin", "wrong").status for _n in range(settings.AXES_FAILURE_LIMIT + 1)]
    assert statuses[-1] == 429
    assert log_in("jin").user is None
    assert AuditEntry.objects.filter(action="SessionManager.loginFailed").exists()


def test_without_the_directory_local_accounts_still_get_in(directory: Directory) -> None:
    local = cast.make_user("local")
    directory.person("jin")
    directory.stop()
    try:
        assert log_in("jin").user is None
        assert log_in("local", cast.PASSWORD).user == local
    finally:
        directory.start()
