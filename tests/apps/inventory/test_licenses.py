"""Licenses: who may, what is counted, what is refused; and the vMotion adapter of a host, beside them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from domain import faults
from domain.licensing import Edition
from hypervisors.simulated.state import FleetState
from inventory import fleet
from inventory.models import Event, Host, License, Role, Task
from inventory.services import hosts, licenses
from inventory.services.undo import undo
from tests import builders, pumping
from tests.cast import admit, grant, make_cast
from tests.dialogs import address, opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab() -> builders.SmallLab:
    cast = make_cast()
    made = builders.small_lab(cast.student, hosts=2, vms=2)
    admit(cast, made.vcenter)
    made.cast = cast  # type: ignore[attr-defined]
    Host.objects.filter(cluster=made.cluster).update(sockets=2, cores=40)
    return made


def client(lab: Any, who: str) -> Client:
    made = Client()
    made.force_login(getattr(lab.cast, who))
    return made


def host(lab: Any, index: int) -> Host:
    return Host.objects.select_related("cluster", "vcenter", "license").get(pk=lab.hosts[index].pk)


def license_of(lab: Any, **fields: Any) -> License:
    return License.objects.create(**{"vcenter": lab.vcenter, "name": "AAAAA", "cores": 64, **fields})


# --- the list --------------------------------------------------------------------------------------------------------
def test_added_changed_and_removed_with_tasks_and_events(lab: Any) -> None:
    owner = lab.cast.student
    licenses.add(owner, lab.vcenter, " KEY ", Edition.ESSENTIALS, 32)
    made = License.objects.get()
    assert (made.name, made.edition, made.cores) == ("KEY", "essentials", 32)
    licenses.edit(owner, made, name="OTHER", cores=48)
    made.refresh_from_db()
    assert (made.name, made.cores) == ("OTHER", 48)
    licenses.remove(owner, made)
    assert not License.objects.exists()
    told = list(Task.objects.order_by("id").values_list("description_id", "initiator_name", "state"))
    verbs = ("addLicense", "updateLicense", "removeLicense")
    assert told == [(f"LicenseManager.{verb}", "student", "success") for verb in verbs]
    events = list(Event.objects.order_by("key").values_list("type", "fields__license"))
    assert events == [
        ("com.vmware.license.AddLicenseEvent", "KEY"), ("LicenseEvent", "OTHER"),
        ("com.vmware.license.RemoveLicenseEvent", "OTHER"),
    ]  # fmt: skip
    with pytest.raises(faults.NotFound):
        licenses.remove(owner, made)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": ""}, faults.InvalidName),
        ({"name": "there"}, faults.DuplicateName),
        ({"edition": "gold"}, faults.InvalidArgument),
        ({"edition": ""}, faults.InvalidArgument),
        ({"cores": 0}, faults.InvalidArgument),
        ({"cores": 10**9}, faults.LimitExceeded),
        ({"cores": True}, faults.InvalidArgument),
    ],
)
def test_what_is_no_license_is_refused(lab: Any, fields: dict[str, Any], fault: type[Exception]) -> None:
    license_of(lab, name="there")
    with pytest.raises(fault):
        licenses.add(None, lab.vcenter, **{"name": "new", "edition": "standard", "cores": 32, **fields})
    mine = license_of(lab)
    with pytest.raises(fault):
        licenses.edit(None, mine, **fields)
    with pytest.raises(faults.InvalidArgument):
        licenses.edit(None, mine, vcenter=1)
    assert License.objects.count() == 2


def test_hosts_that_a_person_does_not_see_are_not_named(lab: Any) -> None:
    made, helper = license_of(lab), lab.cast.outsider
    licenses.assign(None, host(lab, 0), made)
    role = Role.objects.create(vcenter=lab.vcenter, name="Licenses", privileges=["System.Read", licenses.PRIVILEGE])
    grant(helper, lab.vcenter, role)
    assert licenses.named(helper, made) == lab.hosts[0].name
    grant(helper, lab.hosts[0], "No access")
    with pytest.raises(faults.ResourceInUse) as refused:
        licenses.remove(User.objects.get(pk=helper.pk), made)
    assert refused.value.fields["users"] == "…"


def test_one_in_use_is_not_removed_and_keeps_the_cores_that_are_taken(lab: Any) -> None:
    made = license_of(lab)
    licenses.assign(None, host(lab, 0), made)
    with pytest.raises(faults.ResourceInUse) as refused:
        licenses.remove(lab.cast.student, made)
    assert lab.hosts[0].name in refused.value.sentence
    with pytest.raises(faults.InvalidArgument):
        licenses.edit(None, made, cores=39)
    licenses.edit(None, made, cores=40)


# --- hosts -----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_host_takes_cores_gives_them_back_and_the_fleet_knows(lab: Any) -> None:
    pumping.hold_clock(lab.vcenter)
    pumping.meet(lab.vcenter)
    small, large = license_of(lab, edition=Edition.ESSENTIALS), license_of(lab, name="BBBBB")
    task = licenses.assign(lab.cast.student, host(lab, 0), small)
    assert licenses.used_cores(lab.vcenter) == {small.pk: 40}
    assert task.description_id == "LicenseAssignmentManager.updateAssignedLicense"
    assert _licensed(lab) == [False, True]
    licenses.edit(None, small, edition=Edition.STANDARD)
    assert _licensed(lab) == [True, True]
    licenses.edit(None, small, edition=Edition.ESSENTIALS)
    licenses.assign(None, host(lab, 0), large)
    assert _licensed(lab) == [True, True]
    licenses.assign(None, host(lab, 0), None)
    assert licenses.used_cores(lab.vcenter) == {}
    types = list(Event.objects.filter(entity=lab.hosts[0].moref, type__contains="icense").order_by("key"))
    assert [event.type.rpartition(".")[2] for event in types] == [
        "AssignLicenseEvent", "AssignLicenseEvent", "UnassignLicenseEvent",
    ]  # fmt: skip


def _licensed(lab: Any) -> list[bool]:
    pumping.beat(lab.vcenter)
    blob = fleet.store_of(lab.vcenter).load()
    assert blob is not None
    state = FleetState.from_bytes(blob)
    slots = [state.host_ids.find(str(one.uuid)) for one in lab.hosts]
    return [bool(state.hosts.vmotion_licensed[slot]) for slot in slots]


def test_too_few_cores_are_told_with_the_numbers(lab: Any) -> None:
    made = license_of(lab, cores=64)
    licenses.assign(None, host(lab, 0), made)
    licenses.assign(None, host(lab, 0), made)  # its own cores do not stand in its way
    with pytest.raises(faults.NotEnoughLicenses) as refused:
        licenses.assign(None, host(lab, 1), made)
    told = {"host": lab.hosts[1].name, "needed": 40, "license": "AAAAA", "free": 24, "capacity": 64}
    assert refused.value.fields == told
    assert "?" not in refused.value.sentence
    assert host(lab, 1).license is None


def test_a_license_of_another_vcenter_is_none(lab: Any) -> None:
    other = builders.small_lab(lab.cast.student, hosts=1, vms=1)
    with pytest.raises(faults.NotFound):
        licenses.assign(lab.cast.student, host(lab, 0), license_of(other))


def test_a_host_that_is_removed_gives_its_cores_back(lab: Any) -> None:
    made = license_of(lab)
    licenses.assign(None, host(lab, 0), made)
    alone = builders.make_standalone_host(lab.datacenter, "alone", in_maintenance=True, license=made)
    assert licenses.used_cores(lab.vcenter)[made.pk] == 40 + alone.license_cores
    hosts.remove(None, alone)
    assert licenses.used_cores(lab.vcenter) == {made.pk: 40}


def test_an_assignment_is_undone_unless_the_license_has_gone(lab: Any) -> None:
    owner, made = lab.cast.student, license_of(lab)
    task = licenses.assign(owner, host(lab, 0), made)
    back = undo(owner, task)
    assert host(lab, 0).license is None
    undo(owner, back)
    assert host(lab, 0).license == made
    gone = licenses.assign(owner, host(lab, 0), None)
    licenses.remove(owner, made)
    with pytest.raises(faults.NotFound):
        undo(owner, gone)


# --- people ----------------------------------------------------------------------------------------------------------
SERVICES = {
    "add": lambda lab, user: licenses.add(user, lab.vcenter, "new", "standard", 32),
    "edit": lambda lab, user: licenses.edit(user, License.objects.get(), cores=80),
    "remove": lambda lab, user: licenses.remove(user, License.objects.get()),
    "assign": lambda lab, user: licenses.assign(user, host(lab, 0), License.objects.get()),
    "vmotion": lambda lab, user: hosts.set_vmotion(user, host(lab, 0), vmotion_ip_family="ipv6"),
}


@pytest.mark.parametrize("service", SERVICES)
def test_owners_may_and_others_may_not(lab: Any, service: str) -> None:
    license_of(lab)
    for who in ("operator", "reader", "outsider"):
        with pytest.raises(faults.NoPermission):
            SERVICES[service](lab, getattr(lab.cast, who))
    assert not Task.objects.exists()
    SERVICES[service](lab, lab.cast.student)
    assert Task.objects.get().initiator == lab.cast.student


def test_dialogs_and_pages_of_strangers_and_readers(lab: Any) -> None:
    made = license_of(lab)
    dialogs = [
        (lab.vcenter, "add-license", ""), (lab.vcenter, "edit-license", f"?license={made.pk}"),
        (lab.vcenter, "remove-license", f"?license={made.pk}"), (lab.hosts[0], "assign-license", ""),
        (lab.hosts[0], "vmotion-adapter", ""),
    ]  # fmt: skip
    for obj, name, query in dialogs:
        url = address(lab, obj, name) + query
        assert client(lab, "student").get(url).status_code == 200, name
        assert client(lab, "reader").get(url).status_code == 403, name
        assert client(lab, "outsider").get(url).status_code == 404, name
    for moref, slug in ((lab.vcenter.moref, "licensing"), (lab.hosts[0].moref, "licensing"),
                        (lab.hosts[0].moref, "vmkernel")):  # fmt: skip
        url = f"/vc/{lab.vcenter.uuid}/{moref}/configure/{slug}/"
        assert client(lab, "outsider").get(url).status_code == 404
        page = client(lab, "reader").get(url).content.decode()
        assert "data-dialog" not in page.split('class="section-head"')[1].split("</main>")[0]
        assert "disabled title=" in page
    owner, other = client(lab, "student"), builders.small_lab(lab.cast.student, hosts=1, vms=1)
    foreign = license_of(other).pk
    for number in (foreign, 0, "x", "9" * 30):
        assert owner.get(address(lab, lab.vcenter, "edit-license") + f"?license={number}").status_code == 404
    assert owner.get(address(lab, lab.cluster, "add-license")).status_code == 404
    assert owner.get(address(lab, lab.vms[0], "vmotion-adapter")).status_code == 404


def test_from_the_list_to_the_host_by_clicks(lab: Any) -> None:
    owner = client(lab, "student")
    url = address(lab, lab.vcenter, "add-license")
    typed = opened(owner, url)
    assert len(typed["name"]) == 29
    assert owner.post(url, typed | {"edition": "essentials", "cores": "60"}).status_code == 202
    made = License.objects.get()
    url = address(lab, lab.hosts[0], "assign-license")
    assert opened(owner, url)["license"] == "evaluation"
    assert owner.post(url, opened(owner, url) | {"license": str(made.pk)}).status_code == 202
    page = owner.get(address(lab, lab.hosts[1], "assign-license")).content.decode()
    assert "20 of 60" in page
    assert "takes up 40 CPU cores" in page
    refused = owner.post(url.replace(lab.hosts[0].moref, lab.hosts[1].moref), {"license": str(made.pk)})
    assert refused.status_code == 422
    listed = owner.get(f"/vc/{lab.vcenter.uuid}/{lab.vcenter.moref}/configure/licensing/").content.decode()
    assert "40 of 60" in listed
    assert all(word in listed for word in (made.name, "vSphere Essentials", lab.hosts[0].name, "Evaluation mode"))
    shown = owner.get(f"/vc/{lab.vcenter.uuid}/{lab.hosts[0].moref}/configure/licensing/").content.decode()
    assert "Not included" in shown
    url = address(lab, lab.vcenter, "remove-license") + f"?license={made.pk}"
    assert f"another license first: {lab.hosts[0].name}" in owner.get(url).content.decode()
    assert owner.post(url, {}).headers["X-Fault"] == "ResourceInUse"
    url = address(lab, lab.vcenter, "edit-license") + f"?license={made.pk}"
    assert owner.post(url, opened(owner, url) | {"cores": "39"}).headers["X-Fault"] == "InvalidArgument"


# --- the vMotion adapter ---------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_the_vmotion_adapter_is_set_undone_and_known_to_the_fleet(lab: Any) -> None:
    pumping.hold_clock(lab.vcenter)
    pumping.meet(lab.vcenter)
    owner, url = client(lab, "student"), address(lab, lab.hosts[0], "vmotion-adapter")
    typed = opened(owner, url)
    assert (typed["vmotion_enabled"], typed["vmotion_ip_family"]) == ("on", "ipv4")
    typed.pop("vmotion_enabled")
    assert owner.post(url, typed | {"vmotion_ip_family": "ipv6"}).status_code == 202
    pumping.beat(lab.vcenter)
    blob = fleet.store_of(lab.vcenter).load()
    assert blob is not None
    state = FleetState.from_bytes(blob)
    slot = state.host_ids.find(str(lab.hosts[0].uuid))
    assert (state.hosts.vmotion[slot], state.hosts.vmotion_ipv6[slot]) == (0, 1)
    shown = owner.get(f"/vc/{lab.vcenter.uuid}/{lab.hosts[0].moref}/configure/vmkernel/").content.decode()
    assert "IPv6" in shown
    task = Task.objects.get(description_id="HostNetworkSystem.updateVirtualNic")
    undo(lab.cast.student, task)
    assert (host(lab, 0).vmotion_enabled, host(lab, 0).vmotion_ip_family) == (True, "ipv4")


@pytest.mark.parametrize("fields", [{"vmotion_ip_family": "ipx"}, {"vmotion_ip_family": None}, {"cores": 2}])
def test_no_other_setting_of_the_adapter(lab: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(faults.InvalidArgument):
        hosts.set_vmotion(None, host(lab, 0), **fields)
