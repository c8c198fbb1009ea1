"""Home, tasks, events, alarms, recycle bin, preferences, permissions."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from inventory.models import AlarmDefinition, Event, Permission, Preferences, Role, Task, TriggeredAlarm
from tests.apps.pages.conftest import World


def make_task(world: World, **fields: Any) -> Task:
    vm = world.lab.vm
    number = Task.objects.count() + 1
    values = {
        "vcenter": world.lab.vcenter, "moref": f"task-{number}", "description_id": "VirtualMachine.powerOn",
        "operation": "vm.power_on", "entity": vm.moref, "entity_kind": "VirtualMachine", "entity_name": vm.name,
        "initiator": world.cast.operator, "initiator_name": "operator", "exclusive": False, **fields,
    }  # fmt: skip
    return Task.objects.create(**values)


def make_event(world: World, key: int = 1, **fields: Any) -> Event:
    vm = world.lab.vm
    values = {
        "vcenter": world.lab.vcenter, "key": key, "chain_id": key, "type": "VmPoweredOnEvent", "lab_s": 10.0,
        "entity": vm.moref, "entity_name": vm.name, "fields": {"vm": vm.name, "host": "esx"}, **fields,
    }  # fmt: skip
    return Event.objects.create(**values)


def test_home_counts_what_there_is(world: World, client_of: Any) -> None:
    page = client_of("reader").get("/").content.decode()
    assert world.lab.vcenter.name in page
    assert "Objects with Most Alerts" in page
    assert "You have no vCenter yet" in client_of("outsider").get("/").content.decode()


def test_a_task_is_the_same_row_everywhere_it_is_seen(world: World, client_of: Any) -> None:
    task = make_task(world, state="running", progress_pct=40)
    for address in ("/tasks/recent/", "/tasks/", world.url(world.lab.vm.moref, "monitor", "tasks")):
        page = client_of("reader").get(address).content.decode()
        assert f'id="task-{task.pk}"' in page
        assert "40%" in page
    assert f"task-{task.pk}" not in client_of("outsider").get("/tasks/recent/").content.decode()


def test_filters_of_the_console(world: World, client_of: Any) -> None:
    good, bad = (
        make_task(world, state="success"),
        make_task(world, state="error", fault={"fault": "InvalidState", "fields": {"name": "x", "reason": "y"}}),
    )
    client = client_of("reader")
    failed = client.get("/tasks/", {"state": "error"}).content.decode()
    pane = client.get("/tasks/recent/", {"which": "failed"}).content.decode()
    for page in (failed.split('class="page-body"')[1].split('id="dock"')[0], pane):
        assert f'id="task-{bad.pk}"' in page
        assert f'id="task-{good.pk}"' not in page
    assert "Power on" in client.get("/tasks/", {"q": "power on virtual"}).content.decode()


def test_exports_hold_every_row_and_no_formula(world: World, client_of: Any) -> None:
    make_task(world, entity_name='=HYPERLINK("http://x")')
    make_event(world, user_name="+evil")
    client = client_of("reader")
    tasks = b"".join(client.get("/tasks/?format=csv").streaming_content).decode()
    events = b"".join(client.get("/events/?format=csv").streaming_content).decode()
    assert tasks.count("\n") == 2
    assert "'=HYPERLINK" in tasks
    assert "'+evil" in events


def test_events_read_as_sentences_and_follow_their_chain(world: World, client_of: Any) -> None:
    make_event(world, 1)
    make_event(world, 2, type="SomethingNewEvent")
    page = client_of("reader").get(world.url("events"), {"chain": "1"}).content.decode()
    assert f"{world.lab.vm.name} on esx is powered on" in page
    assert "SomethingNewEvent" not in page
    assert "SomethingNewEvent" in client_of("reader").get("/events/").content.decode()


def test_a_reader_cannot_cancel(world: World, client_of: Any) -> None:
    task = make_task(world, state="running")
    refused = client_of("reader").post(f"/tasks/{task.pk}/cancel/")
    assert refused.status_code == 403
    assert 'data-fault="NoPermission"' in refused.content.decode()
    assert client_of("outsider").post(f"/tasks/{task.pk}/cancel/").status_code == 404
    task.refresh_from_db()
    assert not task.cancel_requested


def make_alarm(world: World) -> TriggeredAlarm:
    lab = world.lab
    definition = AlarmDefinition.objects.create(
        vcenter=lab.vcenter, moref="alarm-1", name="Host memory usage", entity="group-d1", target_kind="HostSystem"
    )
    lab.host.overall_status = "red"
    lab.host.save()
    return TriggeredAlarm.objects.create(
        definition=definition, vcenter=lab.vcenter, entity=lab.host.moref, entity_kind="HostSystem",
        entity_name=lab.host.name, status="red", triggered_lab_s=5.0,
    )  # fmt: skip


def test_alarms_are_shown_where_they_belong(world: World, client_of: Any) -> None:
    make_alarm(world)
    client, lab = client_of("reader"), world.lab
    assert "Host memory usage" in client.get("/alarms/recent/").content.decode()
    assert "Host memory usage" in client.get(world.url(lab.host.moref)).content.decode()
    assert "Host memory usage" in client.get(world.url(lab.cluster.moref, "monitor", "issues")).content.decode()
    assert lab.host.name in client.get("/").content.decode().split("Objects with Most Alerts")[1]


def test_an_alarm_is_acknowledged_and_reset_by_whoever_may(world: World, client_of: Any) -> None:
    alarm, owner = make_alarm(world), client_of("student")
    assert client_of("reader").post(f"/alarms/{alarm.pk}/acknowledge/").status_code == 403
    assert client_of("outsider").post(f"/alarms/{alarm.pk}/acknowledge/").status_code == 404
    assert "student" in owner.post(f"/alarms/{alarm.pk}/acknowledge/").content.decode()
    assert owner.post(f"/alarms/{alarm.pk}/explode/").status_code == 404
    assert owner.post(f"/alarms/{alarm.pk}/reset/").content == b""
    world.lab.host.refresh_from_db()
    assert world.lab.host.overall_status == "green"
    happened = list(Event.objects.order_by("key").values_list("type", flat=True))
    assert happened[-2:] == ["AlarmAcknowledgedEvent", "AlarmClearedEvent"]


def test_the_recycle_bin_lists_what_was_deleted(world: World, client_of: Any) -> None:
    vm = world.lab.vm
    vm.deleted_at = now()
    vm.save()
    assert vm.name in client_of("reader").get("/recycle/").content.decode()
    assert vm.name not in client_of("outsider").get("/recycle/").content.decode()
    answer = client_of("reader").post(world.url("recycle", vm.moref, "restore"))
    assert answer.status_code == 403


def test_theme_and_language_are_kept(world: World, client_of: Any) -> None:
    client = client_of("reader")
    assert client.post("/preferences/theme/", {"theme": "dark"}).status_code == 204
    assert 'cds-theme="dark"' in client.get("/").content.decode()
    assert client.post("/preferences/theme/", {"theme": "pink"}).status_code == 400
    client.post("/preferences/language/", {"language": "ko"})
    assert '<html lang="ko">' in client.get("/").content.decode()
    kept = Preferences.objects.get(user=world.cast.reader)
    assert (kept.theme, kept.language) == ("dark", "ko")


@pytest.mark.parametrize("came_from", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_a_language_switch_never_leads_elsewhere(world: World, client_of: Any, came_from: str) -> None:
    answer = client_of("reader").post("/preferences/language/", {"language": "ko"}, headers={"Referer": came_from})
    assert answer.headers["Location"] == "/"


def test_permissions_are_given_and_taken_on_their_tab(world: World, client_of: Any) -> None:
    vm, owner = world.lab.vm, client_of("student")
    role = Role.objects.get(vcenter=None, name="Read-only")
    asked = {"principal": f"user:{world.cast.outsider.pk}", "role": role.pk, "propagate": "1"}
    assert "outsider" in owner.post(world.url(vm.moref, "permission"), asked).content.decode()
    assert client_of("outsider").get(world.url(vm.moref)).status_code == 200
    given = Permission.objects.get(entity=vm.moref)
    owner.post(world.url(vm.moref, "permission", str(given.pk), "revoke"))
    assert client_of("outsider").get(world.url(vm.moref)).status_code == 404


def test_a_reader_gives_nothing_away(world: World, client_of: Any) -> None:
    role = Role.objects.get(vcenter=None, name="Read-only")
    asked = {"principal": f"user:{world.cast.outsider.pk}", "role": role.pk}
    answer = client_of("reader").post(world.url(world.lab.vm.moref, "permission"), asked)
    assert answer.status_code == 422
    assert not Permission.objects.filter(entity=world.lab.vm.moref).exists()


def test_the_clock_obeys_who_may_turn_it(world: World, client_of: Any) -> None:
    address = world.url("clock")
    assert client_of("student").post(address, {"verb": "speed", "speed": "60"}).status_code == 200
    world.lab.vcenter.refresh_from_db()
    assert world.lab.vcenter.clock_speed == 60
    assert client_of("reader").post(address, {"verb": "pause"}).status_code == 403
    assert client_of("student").post(address, {"verb": "speed", "speed": "many"}).status_code == 409
    assert "Lab.Clock" in client_of("reader").get(address).content.decode()
