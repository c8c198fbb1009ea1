"""The Files tab of a datastore: every file that the model knows, with the sizes that used space is made of."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils.timezone import now

from domain.states import DiskProvisioning, VmPower
from hypervisors.simulated import storage
from hypervisors.simulated.state import FleetState
from inventory import fleet
from inventory.models import VirtualMachine
from inventory.pages import files
from inventory.services import provisioning, snapshots, vms
from tests import builders, pumping
from tests.apps.pages.conftest import World
from vsphere_web.frontend.icons import chosen_names

MIB = 1024**2


def page_of(world: World, client: Any, query: str = "") -> str:
    address = world.url(world.lab.datastore.moref, "files") + query
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_running_machine_has_a_swap_file_and_a_suspended_one_its_memory(world: World, client_of: Any) -> None:
    running, other = world.lab.vms[0], world.lab.vms[1]
    VirtualMachine.objects.filter(pk=other.pk).update(power_state=VmPower.SUSPENDED)
    page = page_of(world, client_of("operator"))
    assert f"{running.name}-{running.uuid.hex[:8]}.vswp" in page
    assert f"{other.name}-{other.uuid.hex[:8]}.vmss" in page
    assert f"{running.name}.vmx" in page
    assert f"{world.lab.template.name}.vmtx" in page


def test_every_file_has_an_icon_that_exists(world: World, client_of: Any) -> None:
    chosen = set(chosen_names())
    drawn = set(re.findall(r"clarity-icons[^#]*#([a-z-]+)", page_of(world, client_of("operator"))))
    assert {"file", "hard-disk", "memory"} <= drawn <= chosen


def test_images_that_drives_use_are_listed_once_with_their_machines(world: World, client_of: Any) -> None:
    VirtualMachine.objects.filter(pk__in=[vm.pk for vm in world.lab.vms[:2]]).update(
        cd_datastore=world.lab.datastore, cd_path="iso/<b>setup.iso"
    )
    page = page_of(world, client_of("operator"))
    assert page.count("iso/&lt;b&gt;setup.iso") == 1


def test_files_in_the_recycle_bin_still_take_space(world: World, client_of: Any) -> None:
    gone = world.lab.vms[1]
    VirtualMachine.objects.filter(pk=gone.pk).update(deleted_at=now(), purge_at=now())
    page = page_of(world, client_of("operator"))
    assert f"{gone.name}.vmdk" in page
    assert "in the recycle bin" in page


def test_folders_are_found_by_name_whatever_is_typed(world: World, client_of: Any) -> None:
    client = client_of("operator")
    assert f"{world.lab.vms[1].name}.vmdk" in page_of(world, client, f"?q={world.lab.vms[1].name}")
    for hostile in ("%00", "%27%3B--", "%25", "x" * 3000, "%F0%9F%92%A9"):
        assert "No files" in page_of(world, client, f"?q={hostile}")


@pytest.mark.django_db(transaction=True)
def test_the_sizes_are_those_of_the_fleet() -> None:
    lab = builders.small_lab(hosts=1, vms=2)
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    made = provisioning.create(
        None, folder=lab.vm_folder, pool=builders.root_pool(lab.cluster), name="thick", datastore=lab.datastore,
        memory_mib=1024, power_on=True,
        disks=[{"capacity_bytes": 8 * 1024**3, "provisioning": DiskProvisioning.THICK_LAZY}],
    )  # fmt: skip
    pumping.succeeded(lab.vcenter, made)
    pumping.advance(lab.vcenter, 120)
    vm = VirtualMachine.objects.get(name="thick")
    pumping.succeeded(lab.vcenter, snapshots.take(None, vm, "point", memory=True))
    pumping.advance(lab.vcenter, 600)
    pumping.succeeded(lab.vcenter, vms.suspend(None, VirtualMachine.objects.get(pk=vm.pk)))
    blob = fleet.store_of(lab.vcenter).load()
    assert blob is not None
    state = FleetState.from_bytes(blob)
    taken = storage.used_bytes(state)[state.datastore_ids.find(str(lab.datastore.uuid))]
    assert files.known_bytes(lab.datastore) == pytest.approx(taken, rel=0.02, abs=64 * MIB)
