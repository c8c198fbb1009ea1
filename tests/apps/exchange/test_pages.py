"""Import, export and comparison as a person meets them."""

from __future__ import annotations

import io

import pytest

from inventory.exchange import compare, describe, safe
from inventory.models import (
    Folder,
    Network,
    Permission,
    ResourcePool,
    Role,
    TagAssignment,
    VCenter,
    VirtualMachine,
)
from inventory.services import exchange
from scheduler.models import DrsRule
from tests import builders, cast
from tests.apps.exchange.tables import TABLES, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    made.people = cast.make_cast(made.vcenter)
    return made


def file(text, name="inventory.yaml"):
    sent = io.BytesIO(text.encode() if isinstance(text, str) else text)
    sent.name = name
    return {"file": sent}


def test_an_export_is_a_file_for_those_who_manage_the_vcenter(lab, client):
    url = f"/vc/{lab.vcenter.uuid}/export.yaml"
    client.force_login(lab.people.student)
    answer = client.get(url)
    assert "attachment" in answer["Content-Disposition"]
    assert safe.load(answer.content) == describe.of(lab.vcenter)
    assert client.get(f"{url}?object={lab.datacenter.moref}").status_code == 200
    assert client.get(f"{url}?object=datacenter-999").status_code == 404
    client.force_login(lab.people.reader)
    assert client.get(url).status_code == 403
    client.force_login(lab.people.outsider)
    assert client.get(url).status_code == 404


def test_a_file_is_previewed_and_then_becomes_a_vcenter_of_ones_own(lab, client):
    client.force_login(lab.people.teacher)
    before = VCenter.objects.count()
    page = client.post("/import/", file(safe.dump(describe.of(lab.vcenter))))
    assert VCenter.objects.count() == before
    token = page.context["token"]
    assert client.post("/import/take/", {"token": token}).status_code == 302
    made = VCenter.objects.latest("pk")
    assert (VCenter.objects.count(), made.owner) == (before + 1, lab.people.teacher)
    assert client.post("/import/take/", {"token": token}).status_code == 409  # once


BAD = """\
format: 1
name: Lab
datacenters:
- name: <script>alert(1)</script>
  vms:
  - name: <b>web</b>
    host: <i>nowhere</i>
    cpu_shares_level: highest
  clusters:
  - name: A
    hosts: 5
"""


def test_what_is_wrong_with_a_handwritten_file_is_named_by_line_and_as_text(lab, client):
    client.force_login(lab.people.teacher)
    before = VCenter.objects.count()
    page = client.post("/import/", file(BAD))
    assert (page.status_code, VCenter.objects.count()) == (422, before)
    assert {(one.where, one.line) for one in page.context["problems"]} == {("datacenters[1].clusters[1].hosts", 11)}
    page = client.post("/import/", file(BAD.replace("    hosts: 5\n", "")))
    assert [one.line for one in page.context["problems"]] == [7]
    shown = page.content.decode()
    assert "(line 7)" in shown
    assert "&lt;i&gt;nowhere" in shown
    assert "<i>nowhere" not in shown


def test_names_with_markup_stay_text_on_every_page_of_the_import(lab, client):
    client.force_login(lab.people.teacher)
    text = BAD.replace("  vms:\n", "").split("  - name: <b>")[0].replace("name: Lab", "name: <b>Lab</b>")
    page = client.post("/import/", file(text))
    assert page.status_code == 200
    assert "<b>Lab" not in page.content.decode()
    taken = client.post("/import/take/", {"token": page.context["token"]}, follow=True)
    assert taken.status_code == 200
    assert "<script>alert" not in taken.content.decode()


def test_an_export_of_rvtools_is_previewed_with_the_rows_that_are_left_out(lab, client):
    client.force_login(lab.people.teacher)
    page = client.post("/import/", file(zipped(TABLES), "corp.zip"))
    assert page.status_code == 200
    assert "vDatastore, line 5" in page.content.decode()
    assert page.context["token"]


def test_who_may_not_make_vcenters_may_not_import(lab, client):
    client.force_login(lab.people.student)
    assert client.get("/import/").status_code == 403
    assert client.post("/import/", file("format: 1")).status_code == 403
    with pytest.raises(exchange.faults.NoPermission):
        exchange.take_in(lab.people.student, describe.of(lab.vcenter))


def test_a_preview_is_of_the_person_that_made_it(lab, client):
    client.force_login(lab.people.teacher)
    token = client.post("/import/", file(safe.dump(describe.of(lab.vcenter)))).context["token"]
    other = cast.make_user("second", is_superuser=True)
    client.force_login(other)
    for word in (token, "", "../../etc/passwd", "x" * 32):
        assert client.post("/import/take/", {"token": word}).status_code == 409


@pytest.mark.parametrize("text", ["a: &a [*a]", "format: 7", "- x", "{" * 50])
def test_a_bad_file_is_refused_with_a_reason(lab, client, text):
    client.force_login(lab.people.teacher)
    page = client.post("/import/", file(text))
    assert page.status_code == 422
    assert "token" not in page.context
    assert client.post("/import/").status_code == 422


# --- comparison ------------------------------------------------------------------------------------------------------
def changed(lab):
    """The lab's document with one change of each kind that can be applied, and some that cannot."""
    document = describe.of(lab.vcenter)
    site = document["datacenters"][0]
    cluster = next(one for one in site["clusters"] if one["name"] == "Cluster")
    cluster["drs_enabled"] = True
    cluster["pools"][0]["cpu_shares_level"] = "high"
    cluster["pools"].append({"name": "New", "memory_reservation_mib": 64})
    site["folders"]["vm"].append({"path": ["Web", "Inner"]})
    off = next(one for one in site["vms"] if one.get("power_state") != "poweredOn" and not one.get("template"))
    off["vcpus"], off["pool"], off["notes"] = 4, ["Production"], "bigger"
    site["vms"].append({"name": "by-hand", "host": off["host"]})
    return document, off["name"]


def test_no_difference_to_its_own_export(lab):
    document = describe.of(lab.vcenter)
    assert compare.differences(document, safe.load(safe.dump(document).encode())) == []


def test_differences_are_listed_and_what_can_be_done_is_done(lab):
    document, name = changed(lab)
    found = exchange.differences(lab.people.student, lab.vcenter, document)
    listed = {(one.op, one.kind, one.path[-1], one.field, able) for one, able in found}
    assert ("add", "vm", "by-hand", "", True) in listed
    assert ("change", "cluster", "Cluster", "drs_enabled", True) in listed
    assert ("change", "vm", name, "vcpus", True) in listed
    exchange.apply(lab.people.student, lab.vcenter, document)
    lab.cluster.refresh_from_db()
    assert lab.cluster.drs_enabled
    assert ResourcePool.objects.get(vcenter=lab.vcenter, name="New").memory_reservation_mib == 64
    assert Folder.objects.get(vcenter=lab.vcenter, name="Inner").parent == lab.vm_folder
    assert VirtualMachine.objects.get(vcenter=lab.vcenter, name=name).pool == lab.pool
    assert VirtualMachine.objects.get(vcenter=lab.vcenter, name="by-hand").provisioning


def everything(lab):
    """A file that changes what services can change besides settings: words, labels, networks, storage, rules, power."""
    document = describe.of(lab.vcenter)
    document["tag_categories"] = [{"name": "Tier", "tags": [{"name": "gold", "description": "fast"}, {"name": "lead"}]}]
    document["attributes_defined"] = [{"name": "owner"}]
    site = document["datacenters"][0]
    cluster = next(one for one in site["clusters"] if one["name"] == "Cluster")
    first, second = cluster["hosts"]
    machine = next(vm for vm in site["vms"] if vm["name"] == lab.vms[1].name)
    other = next(vm for vm in site["vms"] if vm["name"] == lab.vms[2].name)
    paths = [[*one.get("folder", []), one["name"]] for one in (machine, other)]
    machine |= {"tags": [["Tier", "gold"]], "attributes": {"owner": "김"}}
    machine["permissions"] = [{"user": "outsider", "role": "VM user", "propagate": False}]
    cluster["tags"] = [["Tier", "lead"]]
    site["networks"].append({"name": "DMZ", "vlan": 7, "tags": [["Tier", "lead"]]})
    site["datastores"].append({"name": "tier2", "capacity_bytes": 1024**4})
    first["networks"] = sorted([*first["networks"], "DMZ"])
    first["datastores"] = sorted([*first["datastores"], "tier2"])
    second["datastores"] = sorted([*second["datastores"], "local"])
    second |= {"dpm_behavior": "manual", "bmc_address": "10.0.0.2"}
    cluster["drs_groups"] = [
        {"name": "web", "kind": "vm", "members": paths}, {"name": "racks", "kind": "host", "members": [first["name"]]},
    ]  # fmt: skip
    cluster["drs_rules"] = [
        {"name": "apart", "kind": "anti_affinity", "members": paths},
        {"name": "web", "kind": "vm_host", "vm_group": "web", "host_group": "racks", "affine": True,
         "mandatory": False},
    ]  # fmt: skip
    return safe.load(safe.dump(document).encode())


def test_all_that_services_can_do_is_done_and_taken_back_again(lab):
    before, document = describe.of(lab.vcenter), everything(lab)
    found = exchange.differences(lab.people.student, lab.vcenter, document)
    assert [one for one, able in found if not able] == []
    exchange.apply(lab.people.student, lab.vcenter, document)
    assert exchange.differences(lab.people.student, lab.vcenter, document) == []
    assert exchange.differences(lab.people.student, lab.vcenter, describe.of(lab.vcenter)) == []
    vm = lab.vms[1]
    assert TagAssignment.objects.filter(entity=vm.moref, tag__name="gold").exists()
    assert Permission.objects.get(entity=vm.moref).user == lab.people.outsider
    rule = DrsRule.objects.get(cluster=lab.cluster, name="web")
    assert (rule.vm_group.members, rule.host_group.members) == ([vm.moref, lab.vms[2].moref], [lab.hosts[0].moref])
    assert list(Network.objects.get(name="DMZ").hosts.all()) == [lab.hosts[0]]
    exchange.apply(lab.people.student, lab.vcenter, before)
    left = exchange.differences(lab.people.student, lab.vcenter, before)
    assert {(one.op, one.kind) for one, _able in left} == {("remove", k) for k in ("category", "tag", "attribute")}
    assert not any(able for _one, able in left)  # the words of the whole vCenter go by hand


def test_every_step_needs_its_own_right(lab):
    """Whoever manages the vCenter, but may not edit its clusters, applies no rules; nothing of the file is done."""
    role = Role.objects.create(vcenter=lab.vcenter, name="Keeper", privileges=["System.Read", "Lab.Manage"])
    cast.grant(lab.people.outsider, lab.vcenter, role)
    with pytest.raises(exchange.faults.NoPermission):
        exchange.apply(lab.people.outsider, lab.vcenter, everything(lab))
    assert not Network.objects.filter(name="DMZ").exists()
    assert not TagAssignment.objects.exists()


NONSENSE = {
    "tags that are no list": ("tags", "gold"), "a tag that nobody knows": ("tags", [["No", "such"]]),
    "half a tag": ("tags", [["Tier"]]), "attributes that are a list": ("attributes", ["owner"]),
    "an attribute that nobody knows": ("attributes", {"nobody": "1"}),
    "a permission of nobody": ("permissions", [{"user": "ghost", "role": "VM user"}]),
    "a permission without a role": ("permissions", [{"user": "outsider"}]),
    "permissions in words": ("permissions", ["all"]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), NONSENSE.values(), ids=NONSENSE)
def test_labels_that_make_no_sense_are_refused(lab, name, value):
    document = everything(lab)
    next(vm for vm in document["datacenters"][0]["vms"] if vm["name"] == lab.vms[1].name)[name] = value
    with pytest.raises(exchange.faults.MethodFault):
        exchange.apply(lab.people.student, lab.vcenter, document)
    assert not TagAssignment.objects.exists()


@pytest.mark.parametrize("key", ["drs_groups", "drs_rules"])
def test_rules_that_make_no_sense_are_refused(lab, key):
    for odd in ({"members": [["nowhere"]]}, {"members": "all"}, {"kind": "?"}, {"kind": "vm_host", "vm_group": "?"}):
        document = everything(lab)
        cluster = next(one for one in document["datacenters"][0]["clusters"] if one["name"] == "Cluster")
        cluster[key][0] |= odd
        with pytest.raises(exchange.faults.MethodFault):
            exchange.apply(lab.people.student, lab.vcenter, document)
    assert not DrsRule.objects.exists()


def test_where_one_step_is_refused_nothing_is_done(lab):
    document, _name = changed(lab)
    document["datacenters"][0]["clusters"][0]["evc_mode"] = "z80"
    for cluster in document["datacenters"][0]["clusters"]:
        cluster["evc_mode"] = "z80"
    with pytest.raises(exchange.faults.MethodFault):
        exchange.apply(lab.people.student, lab.vcenter, document)
    lab.cluster.refresh_from_db()
    assert not lab.cluster.drs_enabled
    assert not ResourcePool.objects.filter(vcenter=lab.vcenter, name="New").exists()


def test_the_page_compares_and_applies(lab, client):
    client.force_login(lab.people.student)
    url = f"/vc/{lab.vcenter.uuid}/compare/"
    assert client.get(url).status_code == 200
    document, _name = changed(lab)
    page = client.post(url, file(safe.dump(document)))
    assert page.context["able"] == 8
    done = client.post(url, {"token": page.context["token"]})
    assert done.context["done"] == 8
    assert client.post(url, {"token": "0" * 32}).status_code == 422
    client.force_login(lab.people.operator)
    assert client.post(url, file("format: 1")).status_code == 403
