"""Monitor > Resource Allocation: what storage is promised to whom, and what clusters and pools use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db.models import Sum

from inventory.models import Datastore, ResourcePool, VirtualDisk
from inventory.pages import utilization
from tests import builders, cast

pytestmark = pytest.mark.django_db
GIB = builders.GIB


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=4)
    made.people = cast.make_cast(made.vcenter)
    VirtualDisk.objects.update(used_bytes=5 * GIB)
    return made


def shown(client, who, lab, obj, section):
    client.force_login(who)
    answer = client.get(f"/vc/{lab.vcenter.uuid}/{obj.moref}/monitor/{section}/")
    assert answer.status_code == 200
    return answer.context


def test_the_space_of_a_cluster_adds_up_and_the_largest_machine_stands_first(lab, client):
    large = builders.make_vm(lab.hosts[1], "large", datastore=lab.datastore, disk_bytes=200 * GIB)
    found = shown(client, lab.people.reader, lab, lab.cluster, "storage")
    disks = VirtualDisk.objects.filter(vm__host__cluster=lab.cluster)
    assert found["promised"] == disks.aggregate(all=Sum("capacity_bytes"))["all"]
    assert found["machines"][0].vm == large
    assert sum(row.share_pct for row in found["machines"]) == pytest.approx(100)
    assert sum(row.provisioned for row in found["machines"]) == found["promised"]
    assert sum(row.promised for row in found["stores"]) == found["promised"]
    assert {row.store.name for row in found["stores"]} == {"shared", "local"}
    shared = next(row for row in found["stores"] if row.store.name == "shared")
    provisioned = Datastore.objects.get(name="shared").provisioned_bytes
    assert shared.provisioned_pct == pytest.approx(100 * provisioned / shared.store.capacity_bytes)


def test_a_pool_and_a_host_count_their_own_machines_alone(lab, client):
    pool = shown(client, lab.people.reader, lab, lab.pool, "storage")
    assert [row.vm for row in pool["machines"]] == [lab.vms[0]]
    assert [(row.store.name, row.machines) for row in pool["stores"]] == [("shared", 1)]
    host = shown(client, lab.people.reader, lab, lab.standalone, "storage")
    assert (host["machines"], host["promised"]) == ([], 0)


def test_what_somebody_may_not_see_is_not_counted(lab, client):
    stranger = cast.make_user("of-one-pool")
    cast.grant(stranger, lab.pool, "Read-only")
    found = shown(client, stranger, lab, lab.pool, "storage")
    assert [row.vm for row in found["machines"]] == [lab.vms[0]]
    assert found["stores"] == []


class Sampled:
    """The newest sample of a lab: every machine uses its slot + 1 of everything."""

    time_s = 20.0

    def row(self, kind: str, key: int) -> Any:
        return np.arange(1.0, 101.0)

    def value(self, kind: str, slot: int, key: int) -> float:
        return 1000.0


class Page:
    def __init__(self, lab, obj, who):
        self.obj, self.vc, self.user, self.moref, self.latest = obj, lab.vcenter, who, obj.moref, Sampled()


def test_a_cluster_and_a_pool_sum_up_their_machines(lab):
    page = Page(lab, lab.cluster, lab.people.reader)
    expected = float(sum(vm.slot + 1 for vm in lab.vms))
    assert {figure.value for figure in utilization.of_cluster(page)["figures"]} == {expected}
    page = Page(lab, lab.pool, lab.people.reader)
    assert {figure.value for figure in utilization.of_pool(page)["figures"]} == {float(lab.vms[0].slot + 1)}


def test_a_pool_is_measured_against_its_limit_and_without_one_against_the_cluster(lab):
    cpu = utilization.of_pool(Page(lab, lab.pool, lab.people.reader))["meters"][0]
    assert cpu.capacity == sum(host.cores * host.core_mhz for host in lab.hosts)
    ResourcePool.objects.filter(pk=lab.pool.pk).update(cpu_limit_mhz=1500)
    limited = ResourcePool.objects.select_related("cluster").get(pk=lab.pool.pk)
    cpu = utilization.of_pool(Page(lab, limited, lab.people.reader))["meters"][0]
    assert (cpu.capacity, cpu.used) == (1500.0, 1000.0)


def test_without_a_sample_nothing_is_claimed(lab, client):
    for obj in (lab.cluster, lab.pool):
        found = shown(client, lab.people.reader, lab, obj, "utilization")
        assert {figure.value for figure in found["figures"]} == {None}
