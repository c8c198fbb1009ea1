"""Actions: what is offered, what is greyed and why, who may do it, and the bulk form of it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from domain.states import TaskState, VmPower
from inventory import actions
from inventory.actions.action import Action, Context, Submenu
from inventory.actions.perform import service
from inventory.actions.registry import flat, kinds, menu_of
from inventory.forms import DIALOGS
from inventory.models import Task, VirtualMachine
from tests.builders import small_lab
from tests.cast import make_cast
from tests.pages import vapp_of

pytestmark = pytest.mark.django_db
ALL = [(kind, a) for kind in kinds() for a in flat(menu_of(kind))]


@pytest.fixture
def lab():
    return small_lab(hosts=2, vms=4)


@pytest.fixture
def cast(lab):
    return make_cast(lab.vcenter)


@pytest.fixture
def objects(lab):
    return {
        "vm": lab.vm, "template": lab.template, "host": lab.host, "cluster": lab.cluster, "pool": lab.pool,
        "folder": lab.vm_folder, "datacenter": lab.datacenter, "vcenter": lab.vcenter, "datastore": lab.datastore,
        "network": lab.network, "vapp": vapp_of(lab),
    }  # fmt: skip


class Entries(HTMLParser):
    """The entries of a drawn menu by key: (url, method, greyed)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, str, bool]] = {}

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if a.get("role") == "menuitem" and "data-key" in a:
            self.found[a["data-key"]] = (a["data-url"], a["data-method"], a.get("aria-disabled") == "true")


def entries_of(client: Client, lab, obj) -> dict[str, tuple[str, str, bool]]:
    answer = client.get(reverse("inventory:menu", args=(lab.vcenter.uuid, obj.moref)))
    assert answer.status_code == 200
    parser = Entries()
    parser.feed(answer.content.decode())
    return parser.found


def do(lab, obj, key: str) -> str:
    return reverse("inventory:do", args=(lab.vcenter.uuid, obj.moref, key))


# --- the registry ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "action"), ALL, ids=[f"{k}-{a.key}" for k, a in ALL])
def test_no_entry_is_dead(kind, action: Action):
    """Each entry names exactly one thing to do, and that exists."""
    assert sum(map(bool, (action.run, action.dialog, action.tab, action.page))) == 1
    assert not action.run or callable(service(action.run))
    assert not action.dialog or action.dialog in DIALOGS
    assert not action.confirm or action.run


def test_keys_are_unique_in_a_menu(objects):
    """Entries that share a key are alternatives, of which an object is offered one."""
    for kind in kinds():
        keys = [a.key for a in flat(menu_of(kind)) if a.offered(objects[kind])]
        assert len(keys) == len(set(keys)), kind


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_a_menu_that_draws(lab, cast, objects, client: Client, kind):
    client.force_login(cast.student)
    assert entries_of(client, lab, objects[kind])


@pytest.mark.parametrize("kind", kinds())
def test_every_entry_that_is_not_greyed_leads_somewhere(lab, cast, objects, client: Client, kind):
    client.force_login(cast.student)
    for key, (url, method, greyed) in entries_of(client, lab, objects[kind]).items():
        if method == "dialog" and not greyed:
            assert client.get(url).status_code == 200, key


def test_a_reader_finds_nothing_that_changes_anything(lab, cast, objects, client: Client):
    client.force_login(cast.reader)
    for kind, obj in objects.items():
        for key, (url, method, greyed) in entries_of(client, lab, obj).items():
            assert greyed or method == "link", f"{kind} {key}"
            if method == "dialog":
                assert client.get(url).status_code in (403, 409), key
                assert client.post(url).status_code in (403, 409), key
            elif method == "post":
                assert client.post(url).status_code in (403, 409), key


def test_a_missing_privilege_is_named(lab, cast):
    reason = actions.find(lab.vm, "power-off").why_not(Context(cast.reader, lab.vm))
    assert "VirtualMachine.Interact.PowerOff" in reason


# --- states ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("power", "offered", "greyed"),
    [
        (VmPower.OFF, {"power-on", "delete-from-disk"}, {"power-off", "suspend", "reset", "shutdown-guest"}),
        (VmPower.ON, {"power-off", "suspend", "reset"}, {"power-on", "delete-from-disk", "to-template"}),
        (VmPower.SUSPENDED, {"resume", "power-off"}, {"suspend", "reset", "unregister"}),
    ],
)
def test_what_applies_follows_the_power_state(lab, cast, client: Client, power, offered, greyed):
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(power_state=power)
    client.force_login(cast.student)
    found = entries_of(client, lab, lab.vm)
    assert {k for k in offered if not found[k][2]} == offered
    assert {k for k in greyed if found[k][2]} == greyed
    assert ("resume" in found) == (power == VmPower.SUSPENDED)
    assert ("power-on" in found) == (power != VmPower.SUSPENDED)


def test_a_template_cannot_be_powered(lab, cast, client: Client):
    client.force_login(cast.student)
    found = entries_of(client, lab, lab.template)
    assert "power-on" not in found
    assert {"deploy", "to-vm", "clone-template"} <= set(found)


def test_a_running_task_greys_what_would_collide(lab, cast, client: Client):
    client.force_login(cast.student)
    vm = lab.vms[1]
    assert client.post(do(lab, vm, "power-on")).status_code == 202
    found = entries_of(client, lab, vm)
    assert found["power-on"][2]
    assert found["edit-settings"][2]
    assert not found["rename"][2]


# --- doing it --------------------------------------------------------------------------------------------------------
def test_powering_on_answers_with_the_row_of_its_task(lab, cast, client: Client):
    client.force_login(cast.operator)
    answer = client.post(do(lab, lab.vms[1], "power-on"))
    task = Task.objects.get(entity=lab.vms[1].moref)
    assert answer.status_code == 202
    assert f'id="task-{task.pk}"' in answer.content.decode()
    assert task.state == TaskState.QUEUED
    assert task.initiator == cast.operator


def test_a_second_task_is_refused_with_its_name_and_a_sentence(lab, cast, client: Client):
    client.force_login(cast.student)
    client.post(do(lab, lab.vms[1], "power-on"))
    answer = client.post(do(lab, lab.vms[1], "power-on"))
    assert (answer.status_code, answer["X-Fault"]) == (409, "TaskInProgress")
    assert lab.vms[1].name in answer.content.decode()


@pytest.mark.parametrize(("who", "status"), [("student", 202), ("operator", 202), ("reader", 403), ("outsider", 404)])
def test_who_may_power_on(lab, cast, client: Client, who, status):
    client.force_login(getattr(cast, who))
    assert client.post(do(lab, lab.vms[1], "power-on")).status_code == status
    assert Task.objects.exists() == (status == 202)


def test_looking_changes_nothing_and_foreign_pages_cannot(lab, cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.student)
    assert client.get(do(lab, lab.vms[1], "power-on")).status_code == 405
    assert client.post(do(lab, lab.vms[1], "power-on")).status_code == 403
    assert not Task.objects.exists()


def test_an_action_of_another_kind_of_object_is_not_found(lab, cast, client: Client):
    client.force_login(cast.student)
    assert client.post(do(lab, lab.host, "power-on")).status_code == 404


def test_the_palette_offers_only_what_can_be_done_now(lab, cast, client: Client):
    client.force_login(cast.student)
    html = client.get(reverse("inventory:palette", args=(lab.vcenter.uuid, lab.vms[1].moref))).content.decode()
    assert 'data-key="power-on"' in html
    assert 'data-key="power-off"' not in html


def test_header_icons_are_entries_of_the_menu(objects, cast):
    for obj in objects.values():
        keys = {a.key for a in flat(menu_of(actions.kind_of(obj)))}
        assert {i.key for i in actions.quick(cast.student, obj)} <= keys


# --- bulk ------------------------------------------------------------------------------------------------------------
def selection(lab) -> str:
    return " ".join(vm.moref for vm in (*lab.vms, lab.template))


def test_the_menu_of_a_selection_counts_it(lab, cast, client: Client):
    client.force_login(cast.student)
    url = reverse("inventory:bulk-menu", args=(lab.vcenter.uuid,))
    html = client.post(url, {"on": selection(lab)}).content.decode()
    assert "5 Objects - Actions" in html
    assert 'data-key="power-on"' in html


def test_bulk_does_what_it_can_and_says_what_it_did_not(lab, cast, client: Client):
    client.force_login(cast.student)
    url = reverse("inventory:bulk", args=(lab.vcenter.uuid,))
    form = client.get(url, {"action": "power-on", "on": selection(lab)}).content.decode()
    assert all(vm.name in form for vm in lab.vms)
    answer = client.post(url, {"action": "power-on", "on": selection(lab)})
    html = answer.content.decode()
    assert answer.status_code == 202
    assert set(Task.objects.values_list("entity", flat=True)) == {vm.moref for vm in lab.vms[1:]}
    assert html.count("tone-error") == 2  # the one that runs, and the template


def test_bulk_is_no_way_round_rights(lab, cast, client: Client):
    url = reverse("inventory:bulk", args=(lab.vcenter.uuid,))
    data = {"action": "power-on", "on": selection(lab)}
    client.force_login(cast.reader)
    assert client.post(url, data).status_code == 202  # a table of refusals
    client.force_login(cast.outsider)
    assert client.post(url, data).status_code == 404
    assert not Task.objects.exists()


def test_menus_cost_few_queries_whatever_is_selected(lab, cast, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        actions.for_selection(cast.operator, lab.vcenter, lab.vms)
    with django_assert_max_num_queries(8):
        actions.for_object(cast.operator, lab.vm)


def test_submenus_are_never_empty(objects, cast):
    for obj in objects.values():
        for item in actions.for_object(cast.reader, obj).items:
            assert item.separator or item.items or item.url


def test_other_apps_can_add_an_entry():
    from inventory.actions import registry

    before = registry.menu_of("vm")
    try:
        extra = Action("migrate", "Migrate…", dialog="migrate")
        actions.add("vm", extra, after="snapshots")
        actions.add("vm", extra, submenu="power")
        found = registry.menu_of("vm")
        assert found.index(extra) == [getattr(e, "key", "") for e in before].index("snapshots") + 1
        assert extra in next(e for e in found if isinstance(e, Submenu) and e.key == "power").entries
    finally:
        registry.menu("vm", *before)
