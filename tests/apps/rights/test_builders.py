"""The builders leave an inventory whose constraints hold."""

from __future__ import annotations

import pytest

from inventory.models import Folder, ResourcePool, VirtualMachine
from tests import builders

pytestmark = pytest.mark.django_db


def test_small_lab_is_a_whole_inventory() -> None:
    lab = builders.small_lab()
    assert lab.vm.folder == lab.vm_folder
    assert lab.vm.pool == lab.pool
    assert lab.vm.powered_on
    assert lab.template is not None
    assert lab.template.pool is None
    assert set(lab.datastore.hosts.all()) == set(lab.hosts)
    assert lab.standalone.cluster.standalone


def test_references_and_slots_are_unique() -> None:
    lab = builders.small_lab(vms=5)
    builders.make_vms(lab.hosts, 50)
    vms = VirtualMachine.objects.filter(vcenter=lab.vcenter)
    assert vms.values("slot").distinct().count() == vms.count() == 56
    assert vms.values("moref").distinct().count() == 56


def test_the_root_pool_guarantees_what_its_hosts_give() -> None:
    lab = builders.small_lab(hosts=3)
    root = ResourcePool.objects.get(cluster=lab.cluster, parent=None)
    assert root.cpu_reservation_mhz == 3 * int(16 * 2600 * 0.97)


def test_fixed_folders_hang_on_the_datacenter() -> None:
    lab = builders.small_lab()
    fixed = Folder.objects.filter(datacenter=lab.datacenter, fixed=True)
    assert {f.folder_kind for f in fixed} == {"vm", "host", "datastore", "network"}
    assert all(f.parent_id is None for f in fixed)
