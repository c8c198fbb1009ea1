"""Roles, sessions, the audit log and the question why, as pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from inventory import audit, sessions
from inventory.models import AuditEntry, Role
from inventory.sessions import OpenSession
from tests.builders import SmallLab, small_lab
from tests.cast import PASSWORD, Cast, grant, system_role

ON = "VirtualMachine.Interact.PowerOn"


@pytest.fixture
def owner(cast: Cast, lab: SmallLab) -> Client:
    client = Client()
    client.force_login(cast.student)
    return client


def logged_in(name: str) -> Client:
    client = Client()
    client.post("/login/", {"username": name, "password": PASSWORD})
    return client


# --- roles -----------------------------------------------------------------------------------------------------------
def test_a_role_is_made_changed_and_removed(owner: Client, lab: SmallLab) -> None:
    base = f"/vc/{lab.vcenter.uuid}/roles/"
    assert "VM power user" in owner.get("/roles/").content.decode()
    owner.post(f"{base}new/", {"name": "Starter", "privileges": [ON]})
    role = Role.objects.get(name="Starter")
    page = f"{base}{role.pk}/"
    assert owner.get(page).status_code == 200
    owner.post(page, {"name": "Beginner", "privileges": [ON]})
    assert Role.objects.get(pk=role.pk).name == "Beginner"
    owner.post(f"{page}delete/")
    assert not Role.objects.filter(pk=role.pk).exists()


def test_what_was_typed_survives_a_refusal(owner: Client, lab: SmallLab) -> None:
    answer = owner.post(f"/vc/{lab.vcenter.uuid}/roles/new/", {"name": "Read-only", "privileges": [ON]})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="Read-only"' in text
    assert f'value="{ON}" checked' in text
    assert "already used" in text


def test_cloning_starts_from_the_other_role(owner: Client, lab: SmallLab) -> None:
    model = system_role("VM user")
    text = owner.get(f"/vc/{lab.vcenter.uuid}/roles/new/", {"from": model.pk}).content.decode()
    assert f'value="{ON}" checked' in text


def test_a_used_role_and_a_system_role_stay(owner: Client, cast: Cast, lab: SmallLab) -> None:
    base = f"/vc/{lab.vcenter.uuid}/roles/"
    used = Role.objects.create(vcenter=lab.vcenter, name="Used", privileges=[])
    grant(cast.outsider, lab.vm, used)
    for role in (used, system_role("Read-only")):
        assert owner.post(f"{base}{role.pk}/delete/").status_code == 422
        assert Role.objects.filter(pk=role.pk).exists()


def test_a_reader_sees_roles_and_changes_none(cast: Cast, lab: SmallLab) -> None:
    client, before = logged_in("reader"), Role.objects.count()
    assert client.get("/roles/").status_code == 200
    assert client.post(f"/vc/{lab.vcenter.uuid}/roles/new/", {"name": "Mine", "privileges": [ON]}).status_code == 422
    assert Role.objects.count() == before


def test_a_foreign_role_is_404(owner: Client, lab: SmallLab) -> None:
    foreign = Role.objects.create(vcenter=small_lab(hosts=1, vms=1).vcenter, name="Foreign", privileges=[])
    assert owner.get(f"/vc/{lab.vcenter.uuid}/roles/{foreign.pk}/").status_code == 404


# --- sessions --------------------------------------------------------------------------------------------------------
def test_one_sees_and_ends_ones_own_sessions_alone(cast: Cast, lab: SmallLab) -> None:
    reader, elsewhere, operator = logged_in("reader"), logged_in("reader"), logged_in("operator")
    text = reader.get("/sessions/").content.decode()
    assert "operator" not in text
    handles = {client: sessions.handle_of(client.session.session_key) for client in (elsewhere, operator)}
    assert reader.post(f"/sessions/{handles[operator]}/end/").status_code == 404
    assert operator.get("/preferences/").status_code == 200
    reader.post(f"/sessions/{handles[elsewhere]}/end/")
    assert elsewhere.get("/preferences/").status_code == 302


def test_a_superuser_ends_any(cast: Cast, lab: SmallLab) -> None:
    teacher, reader = logged_in("teacher"), logged_in("reader")
    assert "reader" in teacher.get("/sessions/").content.decode()
    teacher.post(f"/sessions/{sessions.handle_of(reader.session.session_key)}/end/")
    assert reader.get("/preferences/").status_code == 302


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36", "Chrome 156 · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", "Edge 130 · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari 18 · iOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:131.0) Firefox/131.0", "Firefox 131 · macOS"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_session_names_its_browser_as_people_do(agent: str, told: str) -> None:
    now = datetime.now(UTC)
    assert OpenSession("handle", AnonymousUser(), "127.0.0.1", agent, now, now).browser == told


# --- audit log -------------------------------------------------------------------------------------------------------
def test_each_sees_what_he_may(cast: Cast, lab: SmallLab) -> None:
    audit.append(cast.operator, "Operator.did", lab.vm)
    audit.append(cast.reader, "Reader.did", lab.vm)
    audit.append(None, "System.did")
    told = ("Operator.did", "Reader.did", "System.did")
    names = ("teacher", "student", "reader", "outsider")
    pages = {name: logged_in(name).get("/audit/").content.decode() for name in names}
    seen = {name: {action for action in told if action in text} for name, text in pages.items()}
    assert seen["teacher"] == {"Operator.did", "Reader.did", "System.did"}
    assert seen["student"] == {"Operator.did", "Reader.did"}
    assert seen["reader"] == {"Reader.did"}
    assert seen["outsider"] == set()


def test_the_chain_is_verified_on_demand(cast: Cast, lab: SmallLab) -> None:
    entry = audit.append(cast.operator, "Operator.did", lab.vm)
    teacher = logged_in("teacher")
    assert "intact. Newest" in teacher.get("/audit/", {"verify": "1"}).content.decode()
    AuditEntry.objects.filter(pk=entry.pk).update(user_name="nobody")
    page = teacher.get("/audit/", {"verify": "1"}).content.decode()
    assert f"Entry {entry.pk}: This entry was changed." in page
    assert page.count('class="broken"') == 1


def test_the_log_is_searched(cast: Cast, lab: SmallLab) -> None:
    audit.append(cast.operator, "Operator.did", lab.vm)
    teacher = logged_in("teacher")
    assert "Operator.did" in teacher.get("/audit/", {"q": lab.vm.name}).content.decode()
    assert "Operator.did" not in teacher.get("/audit/", {"q": "no-such-thing"}).content.decode()


# --- why -------------------------------------------------------------------------------------------------------------
def test_why_names_the_permission_that_decides(owner: Client, cast: Cast, lab: SmallLab) -> None:
    page = f"/vc/{lab.vcenter.uuid}/{lab.vm.moref}/permissions/why/"
    text = owner.get(page, {"user": cast.operator.pk, "privilege": ON}).content.decode()
    assert "operator may." in text
    assert "VM power user" in text
    text = owner.get(page, {"user": cast.outsider.pk, "privilege": ON}).content.decode()
    assert "outsider may not." in text


def test_a_reader_asks_for_himself_alone(cast: Cast, lab: SmallLab) -> None:
    page = f"/vc/{lab.vcenter.uuid}/{lab.vm.moref}/permissions/why/"
    text = logged_in("reader").get(page, {"user": cast.operator.pk, "privilege": ON}).content.decode()
    assert "reader may not." in text
    assert "operator" not in text
