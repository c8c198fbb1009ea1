"""What the pages of a cluster's DRS answer: why a machine stays, what lasts, what goes on by itself, who gets what."""

from __future__ import annotations

import html
import re

import pytest

from scheduler.models import Decision, DrsFault, DrsGroup, DrsRule, Recommendation
from tests.apps.scheduler.test_pages import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(db):
    return World()


def test_the_network_of_hosts_is_drawn_per_machine(world):
    """A block per VM, in units of a rate; of an entitlement, which networks lack, nothing is said."""
    answer = world.client("student").get(world.page("monitor", "network-utilization"))
    bars = answer.context["bars"]
    assert len(bars) == len(world.lab.hosts)
    assert {block.vm.pk for bar in bars for block in bar.blocks} == {vm.pk for vm in world.vms}
    assert all(0 < bar.pct < 100 for bar in bars if bar.blocks)
    assert all("KB/s" in bar.used or "MB/s" in bar.used for bar in bars if bar.blocks)
    text = answer.content.decode()
    assert "Entitled" not in text
    assert "gets all it asks for" in text


def test_why_a_machine_stays_is_answered_for_every_host_and_with_other_settings(world):
    """Also for one that no cycle had a reason to look at; and why a host is still on."""
    world.fill()
    vm, url = world.vms[1], world.page("monitor", "decisions")
    answer = world.client("reader").get(f"{url}?vm={vm.moref}")
    why = answer.context["plan"]["why"]
    names = {host.name for host in world.lab.hosts}
    assert {one["name"] for one in why["hosts"]} == names - {vm.host.name}
    assert all(one["text"] for one in why["hosts"])
    assert "nobody would gain" in why["text"]
    assert why["text"] in html.unescape(answer.content.decode())
    tried = world.client("reader").get(f"{url}?vm={vm.moref}&what=replay&threshold=1").context["other"]["why"]
    assert "At threshold 1" in tried["text"]
    host = world.lab.hosts[0]
    page = world.client("reader").get(f"{url}?vm={host.moref}")
    asked = page.context["plan"]
    assert asked["why"]["text"] or [one["name"] for one in asked["refusals"]] == [host.name]
    assert world.client("reader").get(f"{url}?vm=vm-0").context["asked"]["vm"] == ""


def test_what_goes_on_by_itself_is_no_persons_choice(world):
    Recommendation.objects.all().delete()
    world.recommend("m1", world.vms[0], automatic=True, applied_by="student")
    owner, url = world.client("student"), world.page("monitor", "recommendations")
    page = owner.get(url)
    assert 'name="only"' not in page.content.decode()
    assert "Applied by student" in page.content.decode()
    assert page.context["apply"].why
    world.recommend("m2", world.vms[1])
    assert owner.get(url).content.decode().count('name="only"') == 1


def test_faults_that_last_come_first_and_are_told_from_those_that_are_over(world):
    world.fill()
    said = {"fault": "InvalidState", "fields": {"name": "x", "reason": "y"}}
    last = Decision.objects.first()
    for name, decision in (("lasts", last), ("over", None)):
        DrsFault.objects.create(
            cluster=world.cluster, decision=decision, lab_s=1.0, vm="vm-1", vm_name=name, problem="balance", fault=said
        )
    rows = world.client("reader").get(world.page("monitor", "faults")).context["rows"]
    told = [(row.vm_name, row.lasts) for row in rows if row.vm_name in ("lasts", "over")]
    assert told == [("lasts", True), ("over", False)]


def test_readiness_is_a_share_of_the_time_of_all_virtual_processors(world):
    world.fill()
    lines = world.client("reader").get(world.page("monitor", "scores")).context["lines"]
    assert lines
    for line in lines:
        ready = line["cells"][2]
        assert ready.text.endswith("%")
        assert 0 <= ready.value <= 10_000


def test_members_of_a_group_that_break_a_rule_are_told_before_they_are_saved(world):
    """The host of a required rule is taken out of its group: told once, stored when sent again."""
    world.fill()
    DrsRule.objects.filter(name="on").update(mandatory=True)
    group = DrsGroup.objects.get(name="left")
    url, sent = world.dialog("drs-group", f"group={group.pk}"), {"name": "left", "members": []}
    answer = world.client("student").post(url, sent)
    assert (answer.status_code, answer["X-Fault"]) == (422, "DrsRuleInvalid")
    assert "leaves no host" in answer.content.decode()
    group.refresh_from_db()
    assert group.members
    seen = re.search(r'name="seen" value="([^"]*)"', answer.content.decode())
    assert world.client("student").post(url, sent | {"seen": html.unescape(seen[1])}).status_code == 202
    group.refresh_from_db()
    assert group.members == []
