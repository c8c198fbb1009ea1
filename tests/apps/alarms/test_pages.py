"""The pages, dialogs and rights of alarms: owner, reader, stranger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from inventory.alarming import defaults
from inventory.forms.alarms import EditAlarm
from inventory.forms.alarms.rules import Rules
from inventory.models import AlarmDefinition, TriggeredAlarm, VCenter
from tests.builders import SmallLab
from tests.cast import Cast

METRIC = {
    "name-name": "Busy", "name-description": "", "name-target_kind": "VirtualMachine", "name-about": "conditions",
    "rules-count": "1", "rules-trigger_0": "m:2", "rules-operator_0": "above",
    "rules-yellow_0": "75", "rules-red_0": "90", "rules-minutes_0": "5",
    "actions-on": "red", "actions-repeat": "0", "ready-enabled": "on", "seen": "name rules reset actions ready",
}  # fmt: skip
PEOPLE = ("student", "reader", "outsider")


@pytest.fixture
def client_of(cast: Cast) -> Callable[[str], Client]:
    def log_in(who: str) -> Client:
        client = Client()
        client.force_login(getattr(cast, who))
        return client

    return log_in


@pytest.fixture
def address(lab: SmallLab) -> Callable[..., str]:
    return lambda moref, *rest: "/".join(["/vc", str(lab.vcenter.uuid), moref, *rest, ""])


def finish(client: Client, url: str, **changes: Any) -> Any:
    return client.post(url, {**METRIC, "at": "ready", "go": "finish", **changes})


def test_the_wizard_walks_and_defines(lab: SmallLab, client_of: Any, address: Any) -> None:
    client, url = client_of("student"), address(lab.cluster.moref, "dialog", "new-alarm")
    assert client.get(url).status_code == 200
    for at in ("name", "rules", "reset", "actions"):
        answer = client.post(url, {**METRIC, "at": at, "go": "next"})
        assert answer.status_code == 200, answer.content.decode()
    assert "Busy" in answer.content.decode()
    assert finish(client, url).status_code == 202
    one = AlarmDefinition.objects.get(vcenter=lab.vcenter)
    (condition,) = one.rules[0]["conditions"]
    assert (one.entity, one.target_kind, one.moref[:6]) == (lab.cluster.moref, "VirtualMachine", "alarm-")
    assert (condition["yellow"], condition["red"], condition["red_s"]) == (7500, 9000, 300)


@pytest.mark.parametrize("who", PEOPLE)
def test_who_may_define(who: str, lab: SmallLab, client_of: Any, address: Any) -> None:
    expected = {"student": 202, "reader": 403, "outsider": 404}[who]
    answer = finish(client_of(who), address(lab.cluster.moref, "dialog", "new-alarm"))
    assert answer.status_code == expected
    assert AlarmDefinition.objects.count() == (who == "student")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rules-yellow_0": "", "rules-red_0": ""}, "threshold"),
        ({"rules-yellow_0": "95"}, "critical threshold"),
        ({"rules-yellow_0": "-1"}, "At least"),
        ({"rules-minutes_0": "999999"}, "At most"),
        ({"rules-trigger_0": "m:276"}, "valid"),
        ({"name-name": "x" * 81}, "80"),
        ({"actions-webhook": "http://169.254.169.254/"}, "not on the list"),
        ({"actions-email": "nobody"}, "no address"),
        ({"actions-verb": "vms.purge"}, "valid"),
    ],
)
def test_bad_input_is_said_and_changes_nothing(
    changes: dict[str, str], said: str, lab: SmallLab, client_of: Any, address: Any
) -> None:
    answer = finish(client_of("student"), address(lab.cluster.moref, "dialog", "new-alarm"), **changes)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not AlarmDefinition.objects.exists()


def test_conditions_are_added_and_removed(lab: SmallLab, client_of: Any, address: Any) -> None:
    client, url = client_of("student"), address(lab.cluster.moref, "dialog", "new-alarm")
    body = client.post(url, {**METRIC, "at": "rules", "go": "add"}).content.decode()
    assert 'name="rules-trigger_1"' in body
    two = {**METRIC, "rules-count": "2", "rules-trigger_1": "s:runtime.powerState", "at": "rules", "go": "remove-0"}
    body = client.post(url, two).content.decode()
    assert 'name="rules-value_0"' in body
    assert 'name="rules-trigger_1"' not in body


OFF = {
    "type": "state",
    "path": "runtime.powerState",
    "operator": "equal",
    "value": "poweredOff",
    "status": "red",
    "for_s": 0,
}
BUSY = {
    "type": "metric", "counter": 2, "operator": "above", "yellow": 7500.0, "yellow_s": 300, "red": 9000.0, "red_s": 300,
}  # fmt: skip
TWO_AND_ONE = [{"conditions": [BUSY, {**OFF, "operator": "unequal"}]}, {"conditions": [OFF]}]


def drawn(one: AlarmDefinition, user: Any, data: QueryDict | None = None) -> Rules:
    """The step of the rules as the editor of a definition draws it, or with what was sent."""
    wizard = EditAlarm(user, one.vcenter, one.vcenter, QueryDict(f"alarm={one.pk}"))
    return Rules(wizard, data)


def sent_as_drawn(form: Rules) -> QueryDict:
    data = QueryDict(mutable=True)
    for field in form:
        if field.value() is not None:
            data[field.html_name] = str(field.value())
    return data


def without_clears(rules: Any) -> Any:
    plain = [[{k: v for k, v in one.items() if k != "clears"} for one in rule["conditions"]] for rule in rules]
    return [
        [{**one, "for_s": one.get("for_s", 0)} if one["type"] == "state" else one for one in rule] for rule in plain
    ]


def test_every_default_and_every_form_of_rules_survives_the_editor(lab: SmallLab, cast: Cast) -> None:
    """What the editor draws, sent back as it is, gives the same rules: none is flattened or lost."""
    defaults.ensure(lab.vcenter)
    AlarmDefinition.objects.create(
        vcenter=lab.vcenter, moref="alarm-9999", name="Mixed", entity="group-d1", target_kind="VirtualMachine",
        rules=TWO_AND_ONE,
    )  # fmt: skip
    for one in AlarmDefinition.objects.filter(vcenter=lab.vcenter).select_related("vcenter"):
        form = drawn(one, cast.student, sent_as_drawn(drawn(one, cast.student)))
        assert form.is_valid(), (one.name, form.errors)
        assert without_clears(form.cleaned_data["rules"]) == without_clears(one.rules), one.name


def test_conditions_of_one_rule_stay_together(lab: SmallLab, client_of: Any, address: Any) -> None:
    client, url = client_of("student"), address(lab.cluster.moref, "dialog", "new-alarm")
    body = client.post(url, {**METRIC, "at": "rules", "go": "and-0"}).content.decode()
    assert 'name="rules-rule_1" value="0"' in body
    state = {"trigger_1": "s:runtime.powerState", "operator_1": "equal", "value_1": "poweredOn", "status_1": "red",
             "minutes_1": "0", "rule_1": "0"}  # fmt: skip
    both = {**METRIC, "rules-count": "2", **{f"rules-{name}": value for name, value in state.items()}}
    body = client.post(url, {**both, "at": "rules", "go": "copy-0"}).content.decode()
    assert body.count('name="rules-trigger_') == 4
    assert body.count("<h4>") == 2
    body = client.post(url, {**both, "at": "rules", "go": "add"}).content.decode()
    assert 'name="rules-rule_2" value="1"' in body
    three = {**both, "rules-count": "3", "rules-trigger_2": "m:24", "rules-operator_2": "above", "rules-red_2": "90",
             "rules-minutes_2": "1", "rules-rule_2": "1"}  # fmt: skip
    body = client.post(url, {**three, "at": "rules", "go": "drop-0"}).content.decode()
    assert body.count('name="rules-trigger_') == 1
    assert '<option value="m:24" selected>' in body
    assert finish(client, url, **three).status_code == 202
    rules = AlarmDefinition.objects.get().rules
    assert [[one["type"] for one in rule["conditions"]] for rule in rules] == [["metric", "state"], ["metric"]]


def test_edit_switch_and_delete(lab: SmallLab, client_of: Any, address: Any) -> None:
    owner = client_of("student")
    finish(owner, address(lab.cluster.moref, "dialog", "new-alarm"))
    one = AlarmDefinition.objects.get()
    edit = address(lab.cluster.moref, "dialog", "edit-alarm") + f"?alarm={one.pk}"
    assert owner.get(edit).status_code == 200
    assert finish(owner, edit, **{"rules-red_0": "95", "name-version": "1"}).status_code == 202
    assert finish(owner, edit, **{"name-version": "1"}).status_code == 422  # somebody saved it meanwhile
    one.refresh_from_db()
    assert one.rules[0]["conditions"][0]["red"] == 9500
    switch = address(lab.cluster.moref, "alarm-definition", str(one.pk), "disable")
    assert [client_of(who).post(switch).status_code for who in ("outsider", "reader", "student")] == [404, 403, 200]
    assert not AlarmDefinition.objects.get().enabled
    delete = address(lab.cluster.moref, "dialog", "delete-alarm") + f"?alarm={one.pk}"
    assert [client_of(who).post(delete).status_code for who in ("outsider", "reader")] == [404, 403]
    assert owner.get(delete).status_code == 200
    assert owner.post(delete).status_code == 202
    assert not AlarmDefinition.objects.exists()
    assert owner.get(delete).status_code == 404


def test_a_definition_is_edited_only_where_it_is_defined(lab: SmallLab, client_of: Any, address: Any) -> None:
    defaults.ensure(lab.vcenter)
    owner = client_of("student")
    one = AlarmDefinition.objects.get(name="Virtual machine CPU usage")
    here = owner.get(address(lab.vm.moref, "configure", "alarm-definitions")).content.decode()
    assert "Virtual machine CPU usage" in here
    assert "edit-alarm" not in here
    assert f"alarm={one.pk}" in owner.get(address("group-d1", "configure", "alarm-definitions")).content.decode()
    url = address(lab.vm.moref, "dialog", "edit-alarm") + f"?alarm={one.pk}"
    assert owner.get(url).status_code == 404


@pytest.mark.parametrize(
    "section", [("configure", "alarm-definitions"), ("monitor", "issues"), ("monitor", "triggered")]
)
def test_pages_of_every_object(section: tuple[str, str], lab: SmallLab, client_of: Any, address: Any) -> None:
    defaults.ensure(lab.vcenter)
    objects = (lab.cluster, lab.host, lab.pool, lab.vm, lab.datastore, lab.network, lab.datacenter, lab.vm_folder)
    for moref in ("group-d1", *(one.moref for one in objects)):
        found = [client_of(who).get(address(moref, *section)).status_code for who in PEOPLE]
        assert found == [200, 200, 404], moref


def test_the_cluster_lists_the_alarms_of_its_vms(lab: SmallLab, client_of: Any, address: Any) -> None:
    defaults.ensure(lab.vcenter)
    one = AlarmDefinition.objects.get(name="Virtual machine CPU usage")
    about = {"entity": lab.vm.moref, "entity_kind": "VirtualMachine", "entity_name": "the-busy-one"}
    row = TriggeredAlarm.objects.create(definition=one, vcenter=lab.vcenter, status="red", triggered_lab_s=1.0, **about)
    for moref, shown in ((lab.cluster.moref, True), (lab.pool.moref, True), (lab.datastore.moref, False)):
        body = client_of("reader").get(address(moref, "monitor", "triggered")).content.decode()
        assert (f'id="triggered-{row.pk}"' in body) == shown, moref


def test_alarm_actions_are_switched_off_and_on(lab: SmallLab, client_of: Any, address: Any) -> None:
    off, on = (address(lab.vm.moref, "do", f"{verb}-alarm-actions") for verb in ("disable", "enable"))
    assert [client_of(who).post(off).status_code for who in ("outsider", "reader", "student")] == [404, 403, 202]
    assert VCenter.objects.get().options["alarm_actions_off"] == [lab.vm.moref]
    assert client_of("student").post(on).status_code == 202
    assert VCenter.objects.get().options["alarm_actions_off"] == []
