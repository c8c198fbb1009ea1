"""A place of a tree that a right is missing for is greyed and says which, before anybody presses OK; whatever lies in
it, the tree costs the same number of queries."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from domain.privileges import ALL
from inventory.models import Cluster, Folder, ResourcePool, Role
from inventory.services import folders, pools, vapps
from tests.builders import SmallLab, make_cluster, make_host, make_vm, root_pool
from tests.cast import Cast, grant, make_user
from tests.dialogs import Walk, address, typed

ASSIGN, MOVE = "Resource.AssignVMToPool", "VirtualMachine.Inventory.Move"
CREATE, COPY, DISK = (
    f"VirtualMachine.{name}" for name in ("Inventory.Create", "Inventory.CreateFromExisting", "Config.AddNewDisk")
)


@pytest.fixture
def stage(cast: Cast, lab: SmallLab) -> SmallLab:
    """A closed and an open folder, pool and cluster, and a vApp, beside what every lab has."""
    folders.create(None, lab.vm_folder, "Closed folder")
    folders.create(None, lab.vm_folder, "Open folder")
    pools.create(None, root_pool(lab.cluster), "Closed pool")
    vapps.create(None, root_pool(lab.cluster), "Shop")
    make_host(make_cluster(lab.datacenter, "Closed cluster"), "esx-closed")
    return lab


def named(lab: SmallLab, name: str) -> Any:
    """A container by its name."""
    rows = (model.objects.filter(vcenter=lab.vcenter, name=name).first() for model in (Folder, ResourcePool, Cluster))
    return next(found for found in rows if found is not None)


def limited(lab: SmallLab, privilege: str, *places: str) -> Any:
    """Somebody who may do everything, but not `privilege` in these places."""
    user = make_user("limited")
    grant(user, lab.vcenter, Role.objects.create(vcenter=lab.vcenter, name="All", privileges=sorted(ALL)))
    less = Role.objects.create(vcenter=lab.vcenter, name="Less", privileges=sorted(ALL - {privilege}))
    for place in places:
        grant(user, named(lab, place), less)
    return user


def lines(page: str) -> dict[str, tuple[bool, str]]:
    """The lines of a tree by their label: may be chosen, and what is said of them."""
    found = {}
    ends = {"label": "</label>", "span": "</span></span>"}
    shapes = (f'<{tag} class="pick-line.*?{end}(?:<p class="pick-why.*?</p>)?' for tag, end in ends.items())
    for line in re.findall("|".join(shapes), page, re.S):
        label = re.findall(r"<span>(.*?)</span>", line, re.S)[-1]
        why = "".join(re.findall(r'<p class="pick-why".*?>(.*?)</p>', line, re.S))
        found[html.unescape(label)] = ("<input" in line and " disabled" not in line, html.unescape(why))
    return found


def refused(privilege: str, name: str) -> str:
    return f"You need the privilege {privilege} on “{name}”. Ask an administrator."


def below(client: Client, lab: SmallLab, what: str, node: Any, asks: str) -> dict[str, tuple[bool, str]]:
    """The lines that open below a node."""
    query = {"node": node.moref, "field": "place", "asks": asks}
    answer = client.get(reverse("inventory:pick", args=(lab.vcenter.uuid, what)), query)
    assert answer.status_code == 200
    return lines(answer.content.decode())


def opens(page: str) -> list[str]:
    """The addresses from which a tree loads more."""
    return [html.unescape(url) for url in re.findall(r'data-branch="(.*?)"', page)]


def test_a_folder_where_nothing_may_be_made_is_greyed_in_the_wizard(client: Client, stage: SmallLab) -> None:
    client.force_login(limited(stage, CREATE, "Closed folder"))
    walk = Walk(client, address(stage, stage.datacenter, "new-vm")).send()
    assert all("VirtualMachine.Inventory.Create" in url for url in opens(walk.page))
    shown = below(client, stage, "vm-folder", stage.vm_folder, CREATE)
    assert shown["Closed folder"] == (False, refused(CREATE, "Closed folder"))
    assert shown["Open folder"] == (True, "")
    forced = walk.send(name="fresh", folder=named(stage, "Closed folder").moref)
    assert (forced.answer.status_code, forced.step) == (422, "name")
    assert refused(CREATE, "Closed folder") in html.unescape(forced.page)


def test_a_datacenter_stands_for_its_own_folder(client: Client, stage: SmallLab) -> None:
    """A permission on the hidden folder for machines counts, and the line is greyed with the datacenter's name."""
    user = limited(stage, CREATE)
    less = Role.objects.get(name="Less")
    grant(user, Folder.objects.get(datacenter=stage.datacenter, folder_kind="vm", fixed=True), less)
    client.force_login(user)
    walk = Walk(client, address(stage, stage.cluster, "new-vm")).send()
    assert lines(walk.page)[stage.datacenter.name] == (False, refused(CREATE, stage.datacenter.name))
    assert typed(walk.page).get("name-folder") is None  # what cannot be taken is not chosen either


def test_copies_ask_for_their_own_rights_there(client: Client, stage: SmallLab, cast: Cast) -> None:
    client.force_login(limited(stage, DISK, "Closed folder"))
    url = address(stage, stage.vms[0], "clone")
    assert all(f"{COPY},{DISK}" in one for one in opens(Walk(client, url).page))
    shown = below(client, stage, "vm-folder", stage.vm_folder, f"{COPY},{DISK}")
    assert shown["Closed folder"] == (False, refused(DISK, "Closed folder"))
    url = address(stage, stage.vms[0], "clone-template")  # a template's disks are not asked about
    assert all(one.endswith(f"asks={COPY}") for one in opens(Walk(client, url).page))


@pytest.mark.parametrize("place", ["Closed cluster", "Closed pool", "Shop"])
def test_compute_resources_stand_for_what_takes_the_machine(client: Client, stage: SmallLab, place: str) -> None:
    privilege = "VApp.AssignVM" if place == "Shop" else ASSIGN
    client.force_login(limited(stage, privilege, place))
    at = stage.datacenter if place == "Closed cluster" else stage.cluster
    shown = below(client, stage, "compute", at, ASSIGN)
    assert shown[place] == (False, refused(privilege, place))
    assert {name for name, (may, _why) in shown.items() if not may} == {place}


def test_hosts_of_a_closed_cluster_and_one_that_stands_alone(client: Client, stage: SmallLab, cast: Cast) -> None:
    alone = make_host(make_cluster(stage.datacenter, "esx-alone", standalone=True), "esx-alone")
    user = limited(stage, ASSIGN, "Closed cluster")
    grant(user, alone, Role.objects.get(name="Less"))
    client.force_login(user)
    assert below(client, stage, "compute", named(stage, "Closed cluster"), ASSIGN)["esx-closed"][0] is False
    assert below(client, stage, "compute", stage.datacenter, ASSIGN)["esx-alone"] == (
        False,
        refused(ASSIGN, "esx-alone"),
    )


def test_the_dialogs_that_move_ask_for_the_right_of_what_they_move(client: Client, stage: SmallLab) -> None:
    client.force_login(limited(stage, MOVE, "Closed folder"))
    vm = stage.vms[0]
    url = address(stage, vm, "move-to-folder")
    page = client.get(url).content.decode()
    assert all(f"asks={MOVE}" in one for one in opens(page))
    forced = client.post(url, {**typed(page), "folder": named(stage, "Closed folder").moref})
    assert forced.status_code == 422
    assert refused(MOVE, "Closed folder") in html.unescape(forced.content.decode())
    asked = {
        "move-to-pool": (vm, ASSIGN),
        "move-pool": (named(stage, "Closed pool"), "Resource.MovePool"),
    }
    for name, (obj, privilege) in asked.items():
        page = client.get(address(stage, obj, name)).content.decode()
        assert all(f"asks={privilege}" in one for one in opens(page)), name
    page = client.get(address(stage, named(stage, "Shop"), "move-pool")).content.decode()
    assert all("asks=Resource.AssignVAppToPool" in one for one in opens(page))


def test_a_folder_for_new_clusters(client: Client, stage: SmallLab, cast: Cast) -> None:
    client.force_login(limited(stage, "Host.Inventory.CreateCluster"))
    page = Walk(client, address(stage, stage.datacenter, "new-cluster")).page
    assert all("asks=Host.Inventory.CreateCluster" in one for one in opens(page))
    page = Walk(client, address(stage, stage.datacenter, "add-host")).page
    assert all("asks=Host.Inventory.AddStandaloneHost" in one for one in opens(page))


def test_hosts_of_another_cluster_that_takes_no_machine_are_greyed(client: Client, stage: SmallLab, cast: Cast) -> None:
    client.force_login(limited(stage, ASSIGN, "Closed cluster"))
    page = Walk(client, address(stage, stage.vms[0], "migrate")).send(type="compute").page
    assert refused(ASSIGN, "Closed cluster") in html.unescape(page)


def test_an_unknown_right_is_no_question(client: Client, stage: SmallLab, cast: Cast) -> None:
    client.force_login(cast.student)
    query = {"node": stage.datacenter.moref, "field": "place", "asks": "Nobody.Knows"}
    assert client.get(reverse("inventory:pick", args=(stage.vcenter.uuid, "compute")), query).status_code == 404


@pytest.mark.parametrize(("what", "asks"), [("vm-folder", CREATE), ("compute", ASSIGN)])
def test_the_queries_do_not_grow_with_what_is_there(client: Client, stage: SmallLab, what: str, asks: str) -> None:
    client.force_login(limited(stage, asks, "Closed folder", "Closed pool", "Closed cluster"))

    nodes = (stage.datacenter, stage.vm_folder if what == "vm-folder" else stage.cluster)

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            for node in nodes:
                below(client, stage, what, node, asks)
        return len(asked)

    cost()
    few = cost()
    for number in range(20):
        folders.create(None, stage.vm_folder, f"folder {number}")
        pools.create(None, root_pool(stage.cluster), f"pool {number}")
        make_vm(make_host(make_cluster(stage.datacenter, f"cluster {number}"), f"esx-2{number}"), f"vm-2{number}")
    assert cost() == few <= 40
