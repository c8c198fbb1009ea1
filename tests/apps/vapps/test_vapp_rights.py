"""Who may do what with a vApp."""

from __future__ import annotations

import pytest

from domain import faults
from inventory.services import naming, pools, undo, vapps, vms
from inventory.vapps import Content
from tests import builders, cast, pumping
from tests.apps.vapps.stage import children_of, fill, fresh, made_vapp

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people():
    return cast.make_cast()


@pytest.fixture
def owned(people):
    made = builders.small_lab(people.student, hosts=2, vms=1)
    cast.grant(people.operator, made.vcenter, "VM power user")
    cast.grant(people.reader, made.vcenter, "Read-only")
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


VERBS = (
    (vapps.power_on, ()), (vapps.shut_down, ()), (vapps.power_off, ()), (vapps.suspend, ()), (vapps.destroy, ()),
    (vapps.clone, ("two",)), (naming.rename, ("two",)),
)  # fmt: skip


def test_only_who_may_changes_a_vapp(people, owned):
    vapp = made_vapp(owned)
    fill(owned, vapp, "db")
    root = builders.root_pool(owned.cluster)
    for who in (people.reader, people.outsider, people.operator):
        for verb, args in VERBS:
            with pytest.raises(faults.NoPermission):
                verb(who, fresh(vapp), *args)
        with pytest.raises(faults.NoPermission):
            vapps.create(who, root, "mine")
        with pytest.raises(faults.NoPermission):
            vapps.configure(who, fresh(vapp), product={"name": "x"})
        with pytest.raises(faults.NoPermission):
            pools.reconfigure(who, fresh(vapp), {"cpu_shares_level": "high"})
        with pytest.raises(faults.NoPermission):
            vapps.move_to_folder(who, fresh(vapp), owned.vm_folder)
    task = vapps.power_on(people.student, fresh(vapp))
    pumping.succeeded(owned.vcenter, task)
    assert (task.initiator, children_of(task)[0].initiator_name) == (people.student, "student")


def test_vms_move_in_and_out_with_the_vapps_privilege(people, owned):
    vapp, vm = made_vapp(owned), owned.vms[0]
    home = vm.pool_id
    cast.grant(people.operator, vapp, "Resource pool administrator")
    with pytest.raises(faults.NoPermission) as refused:
        vms.move_to_pool(people.operator, vm, fresh(vapp))
    assert refused.value.fields["privilege"] in ("VApp.AssignVM", "Resource.AssignVMToPool")
    task = vms.move_to_pool(people.student, vm, fresh(vapp))
    assert list(Content(fresh(vapp)).members) == [vm.moref]
    undo.undo(people.student, task)
    vm.refresh_from_db()
    assert vm.pool_id == home
