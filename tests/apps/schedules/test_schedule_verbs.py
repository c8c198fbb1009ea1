"""What the clock may do beside the power of machines: templates, containers, clusters, vApps."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from domain import faults
from domain.states import TaskReason
from inventory.grids.scopes import vms_of
from inventory.models import Task
from inventory.scheduling import verbs_for
from tests.apps.schedules.stage import plan, ran
from tests.builders import SmallLab, make_vapp, make_vm
from tests.cast import Cast

pytestmark = pytest.mark.django_db


# --- verbs of other objects ------------------------------------------------------------------------------------------
def test_a_template_is_deployed(lab: SmallLab, cast: Cast) -> None:
    row = ran(plan(cast.student, lab.template, "deploy", name="lesson", pool=lab.pool.moref, power_on=True))
    assert row.last_fault is None
    made = type(lab.vm).objects.get(moref=row.last_task.entity)
    assert (made.pool, made.template, made.name[:7]) == (lab.pool, False, "lesson-")
    assert row.last_task.args["power_on"]


@pytest.mark.parametrize("where", ["datastore", "network"])
def test_all_machines_of_a_datastore_or_network(lab: SmallLab, cast: Cast, where: str) -> None:
    row = ran(plan(cast.student, getattr(lab, where), "take-snapshots", name="night", memory=False, quiesce=False))
    assert row.last_fault is None
    asked = Task.objects.filter(operation="vm.snapshot_create", reason=TaskReason.SCHEDULE)
    here = type(lab.vm).objects.filter(vms_of(getattr(lab, where)), template=False)
    assert set(asked.values_list("entity", flat=True)) == set(here.values_list("moref", flat=True))
    assert asked.exists()
    assert ran(plan(cast.student, getattr(lab, where), "delete-snapshots-of-vms", title="b"), "d2").last_result == {
        "started": 0, "refused": 0,
    }  # fmt: skip


def test_verbs_of_clusters(lab: SmallLab, cast: Cast) -> None:
    row = ran(plan(cast.student, lab.cluster, "set-ha", title="a", on="on"))
    lab.cluster.refresh_from_db()
    assert lab.cluster.ha_enabled
    assert row.last_task.description_id == "ClusterComputeResource.reconfigureEx"
    row = ran(plan(cast.student, lab.cluster, "run-drs", title="b"))
    assert row.last_fault["fault"] == "InvalidState"  # no figures have arrived yet, and that is what the list says
    row = ran(plan(cast.student, lab.cluster, "apply-recommendations", title="c"))
    assert (row.last_fault, row.last_result) == (None, {"started": 0, "refused": 0})


# --- vApps -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def shop(lab: SmallLab) -> Any:
    """A vApp with one machine that is off."""
    vapp = make_vapp(lab.cluster, "shop")
    make_vm(lab.host, "shop-db", pool=vapp, datastore=lab.datastore)
    return vapp


def test_a_vapp_is_started_and_stopped_by_the_clock(cast: Cast, lab: SmallLab, shop: Any) -> None:
    keys = [verb.key for verb in verbs_for(cast.student, shop)]
    assert keys[:3] == ["vapp-power-on", "vapp-shut-down", "vapp-suspend"]
    assert "power-on-vms" not in keys  # it would not keep the order
    row = ran(plan(cast.student, shop, "vapp-power-on"))
    assert (row.last_fault, row.last_task.entity) == (None, shop.moref)
    assert row.last_task.reason == TaskReason.SCHEDULE
    stop = ran(plan(cast.student, shop, "vapp-shut-down", title="Evening"))
    assert stop.last_fault["fault"] == "VAppOperationInProgress"  # it is still being started


def test_it_stands_on_the_menu_and_the_list_of_a_vapp(cast: Cast, lab: SmallLab, shop: Any, client: Client) -> None:
    client.force_login(cast.student)
    base = f"/vc/{lab.vcenter.uuid}/{shop.moref}/"
    assert "dialog/schedule-task" in client.get(f"{base}menu/").content.decode()
    assert "Power on vApp" in client.get(f"{base}dialog/schedule-task/").content.decode()
    plan(cast.student, shop, "vapp-power-on")
    assert "Power on vApp" in client.get(f"{base}configure/scheduled-tasks/").content.decode()


@pytest.mark.parametrize("who", ["reader", "outsider"])
def test_who_may_not_start_a_vapp_cannot_let_the_clock_do_it(cast: Cast, shop: Any, who: str) -> None:
    with pytest.raises(faults.NoPermission):
        plan(getattr(cast, who), shop, "vapp-power-on")
