"""VM Startup/Shutdown for people: who may set it, what is refused, its page and dialog, and its place in a file."""

from __future__ import annotations

import copy

import pytest
from django.test import Client

from domain import faults
from domain.autostart import Defaults, Machine, Startup
from domain.vapps import StopAction
from inventory.exchange import build, compare, describe
from inventory.models import Event, Host, Role, VirtualMachine
from inventory.services import autostart, exchange, hosts
from tests import builders, cast, dialogs

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return cast.make_cast()


@pytest.fixture
def lab(people):
    made = cast.own_lab(people, hosts=2, vms=3)
    VirtualMachine.objects.filter(template=False).update(host=made.host)
    return made


@pytest.fixture
def client(people):
    client = Client()
    client.force_login(people.student)
    return client


def host_of(lab) -> Host:
    return Host.objects.select_related("cluster", "vcenter").get(pk=lab.host.pk)


def page(lab, client) -> str:
    answer = client.get(f"/vc/{lab.vcenter.uuid}/{lab.host.moref}/configure/vm-startup/")
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


# --- the service -----------------------------------------------------------------------------------------------------
def test_the_owner_sets_it_and_nobody_else_may(lab, people):
    wanted = {lab.vms[0].moref: Machine(Startup.ORDERED)}
    for who in (people.reader, people.operator, people.outsider):
        with pytest.raises(faults.NoPermission):
            autostart.configure(who, host_of(lab), defaults=Defaults(True), machines=wanted)
    assert host_of(lab).autostart == {}
    autostart.configure(people.student, host_of(lab), defaults=Defaults(True), machines=wanted)
    stored = {"enabled": True, "machines": {lab.vms[0].moref: {"startup": "automatic", "order": 1}}}
    assert host_of(lab).autostart == stored
    assert Event.objects.filter(type="HostReconfiguredEvent", user_name="student").exists()


def test_the_right_alone_is_enough(lab, people):
    role = Role.objects.create(vcenter=lab.vcenter, name="Starter", privileges=["Host.Config.AutoStart"])
    cast.grant(people.outsider, lab.host, role)
    autostart.configure(people.outsider, host_of(lab), defaults=Defaults(True))
    assert host_of(lab).autostart["enabled"] is True


@pytest.mark.parametrize(
    ("defaults", "machine", "what"),
    [
        (Defaults(start_delay_s=-1), Machine(), "start_delay_s"),
        (Defaults(stop_action=StopAction.NONE), Machine(), "stop_action"),
        (None, Machine(order=0), "order"),
        (None, Machine(startup="now"), "startup"),
        (None, Machine(stop_delay_s=10**9), "stop_delay_s"),
    ],
)
def test_nonsense_is_refused(lab, defaults, machine, what):
    with pytest.raises(faults.InvalidArgument) as caught:
        autostart.configure(None, host_of(lab), defaults=defaults, machines={lab.vms[0].moref: machine})
    assert caught.value.fields["property"] == what


def test_machines_of_other_hosts_have_no_place_here(lab):
    there = builders.make_vm(lab.hosts[1], "elsewhere")
    with pytest.raises(faults.InvalidArgument):
        autostart.configure(None, host_of(lab), machines={there.moref: Machine(Startup.ORDERED)})


def test_it_cannot_be_turned_on_with_ha_and_is_off_where_ha_comes_later(lab, client):
    autostart.configure(None, host_of(lab), defaults=Defaults(True))
    assert "vSphere HA is on" not in page(lab, client)
    lab.cluster.ha_enabled = True
    lab.cluster.save()
    drawn = page(lab, client)
    assert "VM Startup/Shutdown is off on all of its hosts" in drawn
    assert 'data-dialog="' not in drawn.split('id="vm-startup"')[0].split("section-head")[-1]
    autostart.configure(None, host_of(lab), defaults=Defaults(False))
    with pytest.raises(faults.InvalidState):
        autostart.configure(None, host_of(lab), defaults=Defaults(True))


# --- page and dialog -------------------------------------------------------------------------------------------------
def test_the_page_lists_the_machines_that_a_person_sees_in_their_order(lab, people, client):
    first, second, third = (vm for vm in lab.vms[:3])
    own = {second.moref: Machine(Startup.ORDERED, 1, 5), first.moref: Machine(Startup.ORDERED, 2)}
    autostart.configure(None, host_of(lab), defaults=Defaults(True), machines=own)
    drawn = page(lab, client)
    table = drawn.split('id="vm-startup"')[1]
    assert table.index(second.name) < table.index(first.name) < table.index(third.name)
    reader, stranger = Client(), Client()
    reader.force_login(people.reader)
    stranger.force_login(people.outsider)
    assert second.name in page(lab, reader)
    assert page(lab, stranger) == "404"
    cast.grant(people.reader, second, "No access")
    assert f">{second.name}<" not in page(lab, reader).split('id="vm-startup"')[1]


def test_the_dialog_saves_what_was_typed(lab, client):
    vm = lab.vms[0]
    url = dialogs.address(lab, lab.host, "vm-startup")
    opened = dialogs.opened(client, url)
    sent = {
        **opened, "enabled": "on", "start_delay_s": "20", f"{vm.moref}-startup": "automatic", f"{vm.moref}-order": "3",
        f"{vm.moref}-stop_action": "guestShutdown", f"{vm.moref}-wait_for_tools": "True",
        f"{vm.moref}-stop_delay_s": "60",
    }  # fmt: skip
    answer = client.post(url, sent)
    assert answer.status_code == 202, answer.content.decode()
    stored = host_of(lab).autostart
    assert (stored["enabled"], stored["start_delay_s"]) == (True, 20)
    assert stored["machines"] == {
        vm.moref: {"startup": "automatic", "stop_action": "guestShutdown", "wait_for_tools": True, "stop_delay_s": 60,
                   "order": 1}
    }  # fmt: skip
    again = dialogs.opened(client, url)
    assert again[f"{vm.moref}-wait_for_tools"] == "True"
    assert client.post(url, again).status_code in (202, 204)
    assert host_of(lab).autostart == stored


def test_who_may_not_see_a_machine_leaves_its_settings_alone(lab, people, client):
    hidden = lab.vms[1]
    autostart.configure(None, host_of(lab), machines={hidden.moref: Machine(Startup.ORDERED)})
    second = cast.make_user("second")
    cast.grant(second, lab.vcenter, "Administrator")
    cast.grant(second, hidden, "No access")
    other = Client()
    other.force_login(second)
    url = dialogs.address(lab, lab.host, "vm-startup")
    opened = dialogs.opened(other, url)
    assert f"{hidden.moref}-startup" not in opened
    assert other.post(url, {**opened, "enabled": "on"}).status_code == 202
    assert hidden.moref in host_of(lab).autostart["machines"]
    reader = Client()
    reader.force_login(people.reader)
    assert reader.get(url).status_code == 403


def test_the_question_before_a_reboot_says_what_happens(lab, client):
    url = dialogs.address(lab, lab.host, "host-reboot")
    assert "is stopped in order first" not in client.get(url).content.decode()
    VirtualMachine.objects.filter(pk=lab.vms[0].pk).update(power_state="poweredOn")
    autostart.configure(None, host_of(lab), defaults=Defaults(True))
    assert "is stopped in order first" in client.get(url).content.decode()
    with pytest.raises(faults.InvalidState):
        hosts.reboot(None, host_of(lab), "")


# --- inventory as text -----------------------------------------------------------------------------------------------
def described(lab):
    own = {lab.vms[0].moref: Machine(Startup.ORDERED, 1, 5), lab.vms[1].moref: Machine(Startup.ANY_ORDER)}
    autostart.configure(None, host_of(lab), defaults=Defaults(True, stop_action=StopAction.SUSPEND), machines=own)
    return describe.of(lab.vcenter)


def entry_of(document, name):
    hosts_ = [host for cluster in document["datacenters"][0]["clusters"] for host in cluster["hosts"]]
    return next(host for host in hosts_ if host["name"] == name)


def test_out_and_in_again_is_the_same(lab):
    document = described(lab)
    told = entry_of(document, lab.host.name)["autostart"]
    assert (told["enabled"], told["stop_action"], len(told["machines"])) == (True, "suspend", 2)
    made = build.build(copy.deepcopy(document)).vcenter
    assert describe.of(made) == document
    there = Host.objects.get(vcenter=made, name=lab.host.name)
    morefs = set(VirtualMachine.objects.filter(host=there).values_list("moref", flat=True))
    assert set(there.autostart["machines"]) <= morefs


def test_a_running_host_is_brought_to_the_file(lab, people):
    document = described(lab)
    before = host_of(lab).autostart
    autostart.configure(None, host_of(lab), defaults=Defaults(False), machines={lab.vms[0].moref: Machine()})
    found = exchange.differences(people.student, lab.vcenter, document)
    assert [(one.kind, one.field, able) for one, able in found] == [("host", "autostart", True)]
    exchange.apply(people.student, lab.vcenter, document)
    assert compare.differences(describe.of(lab.vcenter), document) == []
    assert host_of(lab).autostart == before


@pytest.mark.parametrize(
    "broken",
    [
        {"enabled": "perhaps"}, {"frobnicate": 1}, {"machines": 4}, {"machines": [{"vm": ["nobody"]}]},
        {"machines": [{"vm": "x"}]}, {"start_delay_s": -4}, [1],
    ],
)  # fmt: skip
def test_nonsense_in_a_file_is_listed_and_nothing_is_imported(lab, broken):
    document = copy.deepcopy(described(lab))
    entry_of(document, lab.host.name)["autostart"] = broken
    built = build.preview(document)
    assert any("autostart" in problem.where for problem in built.problems), built.problems
