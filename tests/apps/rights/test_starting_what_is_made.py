"""Whoever makes a machine and has it started needs the right to start it too, and is told before anything is made."""

from __future__ import annotations

import pytest

from domain.faults import NoPermission
from inventory.models import Role, Task, VCenter, VirtualMachine
from inventory.services import provisioning
from tests.builders import SmallLab, root_pool
from tests.cast import Cast, grant, make_user

MAKES = [
    "System.View", "System.Read", "VirtualMachine.Inventory.Create", "VirtualMachine.Inventory.CreateFromExisting",
    "VirtualMachine.Provisioning.Clone", "VirtualMachine.Provisioning.DeployTemplate", "Resource.AssignVMToPool",
    "Datastore.AllocateSpace", "Network.Assign", "VirtualMachine.Config.AddNewDisk",
]  # fmt: skip
ON = "VirtualMachine.Interact.PowerOn"


@pytest.fixture
def maker(lab: SmallLab):
    """May make machines everywhere, and start none."""
    role = Role.objects.create(vcenter=lab.vcenter, name="Maker", privileges=MAKES)
    user = make_user("maker")
    grant(user, lab.vcenter, role)
    return user


def make(user, lab: SmallLab, **fields) -> Task:
    where = {"folder": lab.vm_folder, "pool": root_pool(lab.cluster), "datastore": lab.datastore}
    return provisioning.create(user, name="fresh", **{**where, "power_on": True, **fields})


def copy(user, source: VirtualMachine, lab: SmallLab, **fields) -> Task:
    where = {"folder": lab.vm_folder, "pool": root_pool(lab.cluster), "datastore": lab.datastore}
    return provisioning.clone(user, source, name="fresh", **{**where, "power_on": True, **fields})


def nothing_was_made(lab: SmallLab, next_id: int) -> bool:
    kept = VCenter.objects.get(pk=lab.vcenter.pk).next_id == next_id
    return kept and not VirtualMachine.everything.filter(name="fresh").exists() and not Task.objects.exists()


def test_the_owner_makes_and_starts(cast: Cast, lab: SmallLab) -> None:
    assert make(cast.student, lab).args == {"power_on": True}


@pytest.mark.parametrize("who", ["reader", "outsider"])
def test_reader_and_stranger_make_nothing(cast: Cast, lab: SmallLab, who: str) -> None:
    before = VCenter.objects.get(pk=lab.vcenter.pk).next_id
    with pytest.raises(NoPermission):
        make(getattr(cast, who), lab)
    assert nothing_was_made(lab, before)


@pytest.mark.parametrize("way", ["create", "clone", "deploy"])
def test_who_may_not_start_is_refused_before_anything_is_made(maker, lab: SmallLab, way: str) -> None:
    before = VCenter.objects.get(pk=lab.vcenter.pk).next_id
    ways = {
        "create": lambda: make(maker, lab),
        "clone": lambda: copy(maker, lab.vms[0], lab),
        "deploy": lambda: copy(maker, lab.template, lab),
    }
    with pytest.raises(NoPermission) as refusal:
        ways[way]()
    assert refusal.value.fields == {"privilege": ON, "object": "fresh"}
    assert nothing_was_made(lab, before)


def test_without_starting_it_the_same_person_makes_one(maker, lab: SmallLab) -> None:
    assert make(maker, lab, power_on=False).args == {"power_on": False}


def test_a_template_is_never_started_so_nobody_asks(maker, lab: SmallLab) -> None:
    assert make(maker, lab, as_template=True).args == {"power_on": False}


def test_the_right_to_start_may_come_from_the_pool_alone(maker, lab: SmallLab) -> None:
    starter = Role.objects.create(vcenter=lab.vcenter, name="Starter", privileges=[*MAKES, ON])
    grant(maker, root_pool(lab.cluster), starter)
    assert make(maker, lab).args == {"power_on": True}
