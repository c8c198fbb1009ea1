"""Two people edit the same thing: the second is told, and nobody's change is lost. Every dialog that edits is here;
Edit Settings, vApps and schedules, whose changes a task makes, have theirs beside their other tests."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from domain.alarms import ABOVE, METRIC
from domain.morefs import Kind
from inventory.models import AlarmDefinition, CustomAttribute, CustomValue, License, Role, Snapshot
from scheduler.models import DrsGroup, DrsRule
from tests import builders, cast, dialogs

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    made.people = cast.make_cast(made.vcenter)
    made.snapshot = Snapshot.objects.create(moref="snapshot-900", vm=made.vms[0], name="before", ready=True)
    made.license = License.objects.create(vcenter=made.vcenter, name="key", cores=64)
    other = License.objects.create(vcenter=made.vcenter, name="other", cores=64)
    made.licenses = [str(one.pk) for one in (made.license, other)]
    made.attribute = CustomAttribute.objects.create(vcenter=made.vcenter, name="owner")
    members = [vm.moref for vm in made.vms]
    made.group = DrsGroup.objects.create(cluster=made.cluster, name="web", kind="vm", members=members[:2])
    made.rule = DrsRule.objects.create(cluster=made.cluster, name="apart", kind="anti_affinity", members=members[:2])
    return made


@pytest.fixture
def both(lab):
    """Two people with the same rights, each before a browser of his own."""
    first, second = Client(), Client()
    first.force_login(lab.people.student)
    second.force_login(cast.make_user("second", is_superuser=True))
    return first, second


# The dialog, its object, its address, what the first saves, what the second saves, and what is there in the end.
CASES = {
    "rename": ("rename", lambda lab: lab.vms[0], "", {"name": "one"}, {"name": "two"}),
    "notes": ("edit-notes", lambda lab: lab.vms[0], "", {"notes": "one"}, {"notes": "two"}),
    "resource pool": ("edit-pool", lambda lab: lab.pool, "", {"cpu_shares_level": "high"}, {"cpu_shares_level": "low"}),
    "snapshot": ("edit-snapshot", lambda lab: lab.vms[0], "?snapshot=snapshot-900", {"name": "one"}, {"name": "two"}),
    "attributes": ("custom-attributes", lambda lab: lab.vms[0], "", {"value-1": "one"}, {"value-1": "two"}),
    "DRS": ("drs-settings", lambda lab: lab.cluster, "", {"drs_threshold": "2"}, {"drs_threshold": "5"}),
    "HA": ("ha-settings", lambda lab: lab.cluster, "", {"ha_enabled": "on"}, {"ha_enabled": "on"}),
    "EVC": ("evc-mode", lambda lab: lab.cluster, "", {"evc_mode": "intel-merom"}, {"evc_mode": "intel-westmere"}),
    "price of power": ("power-price", lambda lab: lab.cluster, "", {"price": "0.3"}, {"price": "0.4"}),
    "group": ("drs-group", lambda lab: lab.cluster, "?group=1", {"name": "one"}, {"name": "two"}),
    "rule": ("drs-rule", lambda lab: lab.cluster, "?rule=1", {"name": "one"}, {"name": "two"}),
    "override": ("vm-override", lambda lab: lab.cluster, "?vm=", {"drs_override": "manual"},
                 {"drs_override": "disabled"}),
    "power of a host": ("host-power-management", lambda lab: lab.hosts[0], "", {"dpm_behavior": "manual"},
                        {"dpm_behavior": "disabled"}),
    "startup of a host": ("vm-startup", lambda lab: lab.hosts[0], "", {"start_delay_s": "10"}, {"start_delay_s": "20"}),
    "vMotion of a host": ("vmotion-adapter", lambda lab: lab.hosts[0], "", {"vmotion_ip_family": "ipv6"},
                          {"vmotion_enabled": ""}),
    "license": ("edit-license", lambda lab: lab.vcenter, "?license=", {"cores": "80"}, {"cores": "96"}),
    "license of a host": ("assign-license", lambda lab: lab.hosts[0], "", {"license": "first"}, {"license": "other"}),
}  # fmt: skip


def sent(data, lab):
    """What a browser sends: the typed fields, and every member of a table that is ticked."""
    table = "base" in data and "members" in data["base"]
    return {**data, "members": [vm.moref for vm in lab.vms[:2]]} if table else data


@pytest.mark.parametrize(("name", "of", "query", "mine", "yours"), CASES.values(), ids=CASES)
def test_the_second_is_told_and_may_still_save(lab, both, name, of, query, mine, yours):
    first, second = both
    query = f"?vm={lab.vms[0].moref}" if query == "?vm=" else query
    query = f"?license={lab.license.pk}" if query == "?license=" else query
    which = dict(zip(("first", "other"), lab.licenses, strict=True))
    mine, yours = ({k: which.get(v, v) for k, v in one.items()} for one in (mine, yours))
    query = query.replace("?group=1", f"?group={lab.group.pk}").replace("?rule=1", f"?rule={lab.rule.pk}")
    field = f"value-{lab.attribute.pk}"
    mine, yours = ({k.replace("value-1", field): v for k, v in one.items()} for one in (mine, yours))
    url = dialogs.address(lab, of(lab), name) + query
    a, b = dialogs.opened(first, url), dialogs.opened(second, url)
    saved = first.post(url, sent({**a, **mine}, lab))
    assert saved.status_code == 202, saved.content.decode()
    refused = second.post(url, sent({**b, **yours}, lab))
    page = refused.content.decode()
    assert (refused.status_code, refused.headers["X-Fault"]) == (422, "ConcurrentAccess"), page
    again = {**dialogs.typed(page), **yours}
    assert second.post(url, sent(again, lab)).status_code == 202, page


def test_what_only_one_of_them_changed_is_taken_over(lab, both):
    first, second = both
    url = dialogs.address(lab, lab.vms[0], "edit-snapshot") + "?snapshot=snapshot-900"
    a, b = dialogs.opened(first, url), dialogs.opened(second, url)
    first.post(url, {**a, "description": "theirs"})
    page = second.post(url, {**b, "name": "yours"}).content.decode()
    assert "theirs" in page
    assert dialogs.typed(page)["description"] == "theirs"
    second.post(url, dialogs.typed(page))
    lab.snapshot.refresh_from_db()
    assert (lab.snapshot.name, lab.snapshot.description) == ("yours", "theirs")


def test_drawing_a_rule_again_does_not_make_the_form_forget_what_it_was_opened_on(lab, both):
    first, second = both
    url = dialogs.address(lab, lab.cluster, "drs-rule") + f"?rule={lab.rule.pk}"
    a, b = dialogs.opened(first, url), dialogs.opened(second, url)
    first.post(url, sent({**a, "name": "theirs"}, lab))
    redrawn = dialogs.typed(second.post(url, sent({**b, "enabled": "on", "go": "refresh"}, lab)).content.decode())
    assert second.post(url, sent(redrawn, lab)).headers["X-Fault"] == "ConcurrentAccess"


def test_two_people_edit_a_role(lab, both):
    first, second = both
    role = Role.objects.create(vcenter=lab.vcenter, name="Helper", privileges=["System.Read"])
    url = reverse("inventory:role", args=(lab.vcenter.uuid, role.pk))
    base = json.dumps({"name": "Helper", "description": "", "privileges": ["System.Read"]})
    opened = {"name": "Helper", "description": "", "privileges": ["System.Read"], "base": base}
    assert "base" in dialogs.opened(second, url)
    assert first.post(url, {**opened, "privileges": ["System.Read", "Folder.Create"]}).status_code == 302
    answer = second.post(url, {**opened, "description": "of the desk"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Folder.Create" in page
    role.refresh_from_db()
    assert "Folder.Create" in role.privileges
    fields = dialogs.typed(page)
    assert fields["description"] == "of the desk"
    ticked = [value for value in ("System.Read", "Folder.Create") if f'value="{value}" checked' in page]
    assert second.post(url, {**fields, "privileges": ticked}).status_code == 302
    role.refresh_from_db()
    assert (role.description, "Folder.Create" in role.privileges) == ("of the desk", True)
    assert not CustomValue.objects.exists()


# --- a wizard: the alarm ---------------------------------------------------------------------------------------------
@pytest.fixture
def alarm(lab):
    """A definition on the cluster: CPU usage of a machine above 75 % warns, above 90 % alerts."""
    condition = {"type": METRIC, "counter": 2, "operator": ABOVE, "yellow": 7500, "red": 9000, "yellow_s": 300,
                 "red_s": 300}  # fmt: skip
    return AlarmDefinition.objects.create(
        vcenter=lab.vcenter, moref="alarm-900", entity=lab.cluster.moref, target_kind=Kind.VM, name="Busy",
        description="", rules=[{"conditions": [condition]}], actions=[],
    )  # fmt: skip


def at_the_end(client, lab, alarm, **typed):
    """Somebody who has walked through the wizard and stands before Finish; `typed` by step and field."""
    walk = dialogs.Walk(client, dialogs.address(lab, lab.cluster, "edit-alarm") + f"?alarm={alarm.pk}")
    while walk.step != "ready":
        here = f"{walk.step}__"
        walk.send(**{name.removeprefix(here): value for name, value in typed.items() if name.startswith(here)})
        assert walk.answer.status_code == 200, walk.page
    return walk


def test_two_people_change_an_alarm_and_the_second_sees_both(lab, both, alarm):
    first = at_the_end(both[0], lab, alarm, name__name="Theirs", name__description="of the night", rules__red_0="95")
    second = at_the_end(both[1], lab, alarm, name__name="Yours", actions__email="desk@example.org")
    assert first.send("finish").answer.status_code == 202
    second.send("finish")
    assert (second.answer.status_code, second.answer.headers["X-Fault"]) == (422, "ConcurrentAccess")
    assert second.step == "ready"
    told = second.page.split('class="dialog-merge"')[1].split("</table>")[0]
    assert ("Theirs" in told, "Yours" in told) == (True, True)
    assert told.count("Taken over") == 2  # the description, and the rules as a whole
    assert second.send("finish").answer.status_code == 202, second.page
    alarm.refresh_from_db()
    assert (alarm.name, alarm.description) == ("Yours", "of the night")
    assert alarm.rules[0]["conditions"][0]["red"] == 9500
    assert alarm.actions[0]["to"] == ["desk@example.org"]


def test_rules_that_both_changed_stand_side_by_side_and_ones_own_are_saved(lab, both, alarm):
    first = at_the_end(both[0], lab, alarm, rules__red_0="95")
    second = at_the_end(both[1], lab, alarm, rules__red_0="85")
    first.send("finish")
    told = second.send("finish").page.split('class="dialog-merge"')[1].split("</table>")[0]
    assert ("95" in told, "85" in told, "Taken over" in told) == (True, True, False)
    assert second.send("finish").answer.status_code == 202
    alarm.refresh_from_db()
    assert alarm.rules[0]["conditions"][0]["red"] == 8500


def test_an_alarm_that_was_switched_off_meanwhile_stays_off(lab, both, alarm):
    second = at_the_end(both[1], lab, alarm, name__name="Yours")
    AlarmDefinition.objects.filter(pk=alarm.pk).update(enabled=False, change_version=2)
    assert second.send("finish").answer.status_code == 422
    assert second.send("finish").answer.status_code == 202
    alarm.refresh_from_db()
    assert (alarm.name, alarm.enabled) == ("Yours", False)
