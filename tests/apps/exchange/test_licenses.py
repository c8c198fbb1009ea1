"""Licenses and vMotion adapters of a running vCenter, brought to what a file says."""

from __future__ import annotations

from typing import Any

import pytest

from domain import faults
from inventory.exchange import describe
from inventory.models import Host, License
from inventory.services import exchange
from tests import builders, cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab() -> Any:
    made = builders.small_lab(hosts=2, vms=1)
    made.people = cast.make_cast(made.vcenter)  # type: ignore[attr-defined]
    old = License.objects.create(vcenter=made.vcenter, name="OLD", edition="essentials", cores=64)
    keep = License.objects.create(vcenter=made.vcenter, name="KEEP", cores=64)
    Host.objects.filter(pk=made.hosts[0].pk).update(license=old)
    Host.objects.filter(pk=made.hosts[1].pk).update(license=keep)
    return made


def wanted(lab: Any) -> dict[str, Any]:
    """OLD goes, NEW comes, KEEP shrinks below what is taken of it, its host leaves it and changes its family."""
    document = describe.of(lab.vcenter)
    document["licenses"] = [{"name": "KEEP", "cores": 1}, {"name": "NEW", "edition": "enterprisePlus", "cores": 128}]
    first, second = document["datacenters"][0]["clusters"][0]["hosts"]
    first["license"] = "NEW"
    del second["license"]
    second["vmotion_ip_family"] = "ipv6"
    return document


def test_a_file_changes_adds_assigns_and_removes(lab: Any) -> None:
    document, owner = wanted(lab), lab.people.student
    planned = exchange.plan(owner, lab.vcenter, document)
    assert all(one.able for one in planned)
    assert exchange.apply(owner, lab.vcenter, document) == len(planned) == 6
    assert exchange.plan(owner, lab.vcenter, document) == []
    assert list(License.objects.values_list("name", "cores")) == [("KEEP", 1), ("NEW", 128)]
    told = Host.objects.filter(cluster=lab.cluster).order_by("id").values_list("license__name", "vmotion_ip_family")
    assert list(told) == [("NEW", "ipv4"), (None, "ipv6")]


def test_too_few_cores_take_everything_back(lab: Any) -> None:
    document = wanted(lab)
    document["licenses"][1]["cores"] = 1
    with pytest.raises(faults.NotEnoughLicenses):
        exchange.apply(lab.people.student, lab.vcenter, document)
    assert set(License.objects.values_list("name", flat=True)) == {"KEEP", "OLD"}


def test_a_file_of_one_datacenter_of_several_removes_none(lab: Any) -> None:
    builders.make_datacenter(lab.vcenter, "Other")
    document = describe.of(lab.vcenter, lab.datacenter)
    document["licenses"] = []
    document["datacenters"][0]["clusters"][0]["hosts"][0].pop("license")
    gone = [one for one in exchange.plan(None, lab.vcenter, document) if one.difference.kind == "license"]
    assert {one.able for one in gone} == {False}
