"""Prepared queries: the same answers as the ORM's own, whatever was asked first."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet
from django.test.utils import CaptureQueriesContext

from inventory.models import Host, VCenter, VirtualMachine
from inventory.prepared import Prepared, PreparedModels, PreparedUpdate
from tests.builders import small_lab

pytestmark = pytest.mark.django_db


def test_rows_are_those_of_the_orm_for_every_parameter():
    one, two = small_lab(), small_lab()
    hosts = Prepared(
        lambda pk: Host.objects.filter(vcenter=pk).order_by("pk").values_list("pk", "name", "in_maintenance")
    )
    for lab in (one, two, one):
        expected = list(
            Host.objects.filter(vcenter=lab.vcenter).order_by("pk").values_list("pk", "name", "in_maintenance")
        )
        assert expected
        assert hosts.rows(lab.vcenter.pk) == expected


def test_values_are_converted_as_the_orm_does():
    lab = small_lab()
    VCenter.objects.filter(pk=lab.vcenter.pk).update(options={"a": [1, None]})
    row = Prepared(
        lambda pk: VCenter.objects.filter(pk=pk).values_list("uuid", "clock_wall", "active", "options")
    ).rows(lab.vcenter.pk)[0]
    fresh = VCenter.objects.get(pk=lab.vcenter.pk)
    assert row == (fresh.uuid, fresh.clock_wall, True, {"a": [1, None]})


def test_a_change_is_seen_at_once():
    lab = small_lab()
    there = Prepared(lambda pk: Host.objects.filter(vcenter=pk, in_maintenance=True).values_list("pk"))
    assert not there.any(lab.vcenter.pk)
    host = Host.objects.filter(vcenter=lab.vcenter).first()
    Host.objects.filter(pk=host.pk).update(in_maintenance=True)
    assert there.column(lab.vcenter.pk) == [host.pk]


def test_parameters_reach_subqueries_and_may_be_used_twice():
    lab, other = small_lab(), small_lab()
    busy = Prepared(
        lambda pk, slot: VCenter.objects.filter(pk=pk).values_list(
            Exists(VirtualMachine.objects.filter(vcenter=OuterRef("pk"), slot__gte=slot)),
            Exists(Host.objects.filter(vcenter=pk, slot__lt=slot)),
        )
    )
    assert busy.rows(lab.vcenter.pk, 0) == [(True, False)]
    assert busy.rows(other.vcenter.pk, 1_000_000) == [(False, True)]


def test_a_parameter_that_the_query_does_not_carry_is_refused():
    lab = small_lab()
    lost = Prepared(lambda pk: Host.objects.filter(vcenter=pk + 1).values_list("pk"))
    with pytest.raises(ValueError, match="every parameter"):
        lost.rows(lab.vcenter.pk)


def test_an_update_sets_values_and_adds_to_columns_of_its_rows_alone():
    lab, other = small_lab(), small_lab()
    VCenter.objects.update(fleet_seq=5, clock_lab_s=1.0)
    step = PreparedUpdate(
        lambda pk, seq, more: (
            VCenter.objects.filter(pk=pk),
            {"fleet_seq": seq, "clock_lab_s": F("clock_lab_s") + more},
        )
    )
    assert step.run(lab.vcenter.pk, 7, 2.5) == 1
    assert step.run(lab.vcenter.pk, 9, 0.25) == 1
    assert step.run(2**40, 1, 1.0) == 0
    lab.vcenter.refresh_from_db()
    other.vcenter.refresh_from_db()
    assert (lab.vcenter.fleet_seq, lab.vcenter.clock_lab_s) == (9, 3.75)
    assert (other.vcenter.fleet_seq, other.vcenter.clock_lab_s) == (5, 1.0)


def test_models_are_those_of_the_orm():
    one, two = small_lab(), small_lab()
    hosts = PreparedModels(lambda pk: Host.objects.filter(vcenter=pk).order_by("-pk"))
    for lab in (one, two):
        expected = list(Host.objects.filter(vcenter=lab.vcenter).order_by("-pk"))
        found = hosts.all(lab.vcenter.pk)
        assert found == expected
        assert [h.__dict__.keys() - {"_state"} for h in found] == [h.__dict__.keys() - {"_state"} for h in expected]
        assert [h.nic_mbps for h in found] == [h.nic_mbps for h in expected]
        assert hosts.first(lab.vcenter.pk) == expected[0]
    assert hosts.first(2**40) is None


def test_models_come_with_what_is_selected_of_their_relations():
    lab, other = small_lab(), small_lab()
    vms = PreparedModels(_vm_named)
    for one in (lab, other, lab):
        expected = _vm_named(one.vcenter.pk, one.vms[1].moref).get()
        found = vms.first(one.vcenter.pk, one.vms[1].moref)
        assert found is not None
        assert found == expected
        with CaptureQueriesContext(connection) as queries:
            assert found.host.cluster.name == expected.host.cluster.name
            assert found.pool == expected.pool
            assert found.current_snapshot is None
            assert found.uuid == expected.uuid
        assert not queries.captured_queries
    assert vms.first(lab.vcenter.pk, "vm-0") is None
    assert vms.first(lab.vcenter.pk, "' OR 1=1 --") is None


def _vm_named(vcenter: int, moref: str) -> QuerySet[VirtualMachine]:
    rows = VirtualMachine.objects.filter(vcenter=vcenter, moref=moref).order_by()
    return rows.select_related("host__cluster", "pool", "current_snapshot")
