"""Figures of a datacenter: the sum of the parts that a person may see, and nothing about the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from domain.counters import CLUSTER_ROWS, INTERVALS, OPERATIONS, ROWS, SUMMED, keys_of
from hypervisors.port import Sample
from inventory import chart_sums, metrics
from inventory.models import Cluster, ResourcePool
from inventory.services import vms
from tests import builders, pumping
from tests.cast import Cast, client_of, grant, make_cast

MHZ, ONS = 6, 256
figures = st.one_of(st.just(np.nan), st.floats(0, 1e6, width=32))


@given(arrays(np.float64, (6, 3), elements=figures), st.booleans())
def test_a_sum_is_that_of_the_parts_that_are_known(parts: np.ndarray, lasting: bool) -> None:
    found = chart_sums.total(parts, lasting)
    assert (np.isnan(found) == np.isnan(parts).all(axis=1)).all()
    if not lasting:
        np.testing.assert_allclose(found, np.where(np.isnan(found), np.nan, np.nansum(parts, axis=1)))


@given(arrays(np.float64, (6, 3), elements=st.floats(0, 100)), arrays(np.bool_, (6, 3)))
def test_a_count_never_falls(steps: np.ndarray, silent: np.ndarray) -> None:
    counts = np.cumsum(steps, axis=0)
    counts[silent] = np.nan
    found = chart_sums.total(counts, lasting=True)
    assert (np.diff(found[~np.isnan(found)]) >= -1e-6).all()


@pytest.fixture
def lab(db: Any) -> builders.SmallLab:
    """Two clusters and a standalone host whose hosts use 100 MHz each, in a vCenter with one more datacenter."""
    lab = builders.small_lab(hosts=2)
    builders.make_cluster(lab.datacenter, "Second", hosts=1)
    builders.make_cluster(builders.make_datacenter(lab.vcenter, "Elsewhere"), "Third", hosts=1)
    Cluster.objects.filter(name="Cluster").update(power_ons=5)
    Cluster.objects.filter(name="Second").update(power_ons=7)
    record(lab, 1, 31)
    return lab


def record(lab: builders.SmallLab, first: int, last: int) -> None:
    members = metrics.membership(lab.vcenter)
    shapes = {kind: (len(ROWS[kind]), 8) for kind in ("vm", "host", "datastore")}
    samples = [
        Sample(20.0 * n, *(np.full(shapes[kind], 100.0, np.float32) for kind in ("vm", "host", "datastore")))
        for n in range(first, last)
    ]
    metrics.record_all(lab.vcenter, samples, members)


@pytest.fixture
def cast(lab: builders.SmallLab) -> Cast:
    return make_cast(lab.vcenter)


def address(lab: builders.SmallLab, obj: Any, what: str) -> str:
    return reverse(f"inventory:{what}", args=(lab.vcenter.uuid, obj.moref))


def shown(lab: builders.SmallLab, user: Any, **given: Any) -> dict[str, list[float]]:
    asked = {"lines": f"{MHZ},{ONS}", **given}
    body = client_of(user).get(address(lab, lab.datacenter, "performance-data"), asked).json()
    return body["series"]


@pytest.mark.parametrize("period", [interval.name for interval in INTERVALS[:2]])
def test_a_datacenter_is_the_sum_of_its_clusters_and_hosts(lab: builders.SmallLab, cast: Cast, period: str) -> None:
    series = shown(lab, cast.reader, period=period)
    assert set(series[str(MHZ)]) == {400.0}
    assert set(series[str(ONS)]) == {12.0}
    assert len(series[str(MHZ)]) == (30 if period == "realtime" else 2)
    body = client_of(cast.reader).get(
        address(lab, lab.datacenter, "performance-data"), {"lines": f"{MHZ},{lab.host.moref}:{MHZ}"}
    ).json()  # fmt: skip
    assert body["series"][f"{lab.host.moref}:{MHZ}"][-1] == 100.0
    late = client_of(cast.reader).get(
        address(lab, lab.datacenter, "performance-data"), {"lines": str(MHZ), "since": body["times"][-3]}
    ).json()  # fmt: skip
    assert late["times"] == body["times"][-2:]


def test_a_sum_tells_nothing_of_what_is_hidden(lab: builders.SmallLab, cast: Cast) -> None:
    """Neither of a cluster, nor of a standalone host whose compute resource alone could be seen."""
    grant(cast.outsider, lab.datacenter, "Read-only")
    assert shown(lab, cast.outsider)[str(MHZ)][-1] == 400.0
    grant(cast.outsider, Cluster.objects.get(name="Second"), "No access")
    assert shown(lab, cast.outsider)[str(MHZ)][-1] == 300.0
    assert shown(lab, cast.outsider)[str(ONS)][-1] == 5.0
    grant(cast.outsider, lab.standalone, "No access")
    assert shown(lab, cast.outsider)[str(MHZ)][-1] == 200.0
    page = client_of(cast.outsider).get(
        reverse("inventory:object-section", args=(lab.vcenter.uuid, lab.datacenter.moref, "monitor", "performance"))
    )
    assert (page.context["sum"].clusters, page.context["sum"].hosts) == (1, 0)
    assert Cluster.objects.get(name="Second").moref not in page.text


def test_who_sees_nothing_in_it_gets_no_figures(lab: builders.SmallLab, cast: Cast) -> None:
    data = address(lab, lab.datacenter, "performance-data")
    assert client_of(cast.outsider).get(data).status_code == 404
    grant(cast.outsider, lab.datacenter, "Read-only", propagate=False)
    body = client_of(cast.outsider).get(data).json()
    assert body["times"] == []
    for slug in ("performance", "advanced"):
        place = reverse("inventory:object-section", args=(lab.vcenter.uuid, lab.datacenter.moref, "monitor", slug))
        assert client_of(cast.outsider).get(place).status_code == 200


def test_what_leaves_takes_its_past_with_it_and_a_newcomer_begins_at_nothing(
    lab: builders.SmallLab, cast: Cast
) -> None:
    second = Cluster.objects.get(name="Second")
    second.hosts.all().delete()
    ResourcePool.objects.filter(cluster=second).delete()
    second.delete()
    fourth = builders.make_cluster(lab.datacenter, "Fourth", hosts=1)
    Cluster.objects.filter(pk=fourth.pk).update(power_ons=1)
    with metrics.store.Writer(metrics.folder(lab.vcenter)) as writer:
        writer.clear("cluster", fourth.slot)
    record(lab, 31, 33)
    series = shown(lab, cast.reader)
    assert series[str(ONS)] == [5.0] * 30 + [6.0] * 2
    assert series[str(MHZ)][0] == 300.0


def test_a_datacenter_has_sums_alone() -> None:
    assert set(keys_of("datacenter")) <= set(CLUSTER_ROWS)
    assert set(OPERATIONS) < set(SUMMED["datacenter"][1])
    assert not {2, 24, 215, 216, 280} & set(keys_of("datacenter"))


@pytest.mark.django_db(transaction=True)
def test_a_machine_that_is_powered_on_counts_for_its_datacenter() -> None:
    lab = builders.small_lab(hosts=2, vms=2)
    user = make_cast(lab.vcenter).teacher
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 20)
    before = shown(lab, user)[str(ONS)][-1]
    pumping.succeeded(lab.vcenter, vms.power_on(None, lab.vms[1]))
    pumping.advance(lab.vcenter, 40)
    assert shown(lab, user)[str(ONS)][-1] == before + 1
