"""Instances in charts: processors, adapters and datastores of machines and hosts, chosen, kept, sent as a file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from domain.counters import INTERVALS, REALTIME, ROWS, row
from domain.instances import FAMILIES
from hypervisors.port import Sample
from inventory import chart_instances, chart_lines, metrics
from inventory.journal import changing
from inventory.models import ChartView, Host, VirtualMachine
from inventory.services import vms
from scheduler.services import injection
from tests import builders, pumping
from tests.cast import Cast, client_of, grant, make_cast

pytestmark = pytest.mark.django_db
USAGE, MHZ, NET, READS, LATENCY, MEMORY = 2, 6, 143, 178, 182, 24


@pytest.fixture
def lab() -> builders.SmallLab:
    """Thirty samples; machines of four processors that run at 60 % and talk and work on disks, the third is missing."""
    lab = builders.small_lab()
    VirtualMachine.objects.update(vcpus=4)
    lab.vm.refresh_from_db()
    members = metrics.membership(lab.vcenter)
    metrics.record_all(lab.vcenter, [sample_at(20.0 * n, lab) for n in range(1, 31) if n != 3], members)
    return lab


def sample_at(time_s: float, lab: builders.SmallLab) -> Sample:
    arrays = {kind: np.full((len(keys), 8), 500.0 + time_s / 10, np.float32) for kind, keys in ROWS.items()}
    arrays["vm"][row("vm", USAGE)] = arrays["host"][row("host", USAGE)] = 6000
    core_mhz = 4 * lab.host.core_mhz
    arrays["vm"][row("vm", MHZ)] = 0.6 * core_mhz
    arrays["vm"][row("vm", 398)] = 0.7 * core_mhz
    return Sample(time_s, arrays["vm"], arrays["host"], arrays["datastore"])


@pytest.fixture
def cast(lab: builders.SmallLab) -> Cast:
    return make_cast(lab.vcenter)


def address(lab: builders.SmallLab, obj: Any, what: str, *rest: Any) -> str:
    return reverse(f"inventory:{what}", args=(lab.vcenter.uuid, obj.moref, *rest))


def advanced(lab: builders.SmallLab, obj: Any) -> str:
    return address(lab, obj, "object-section", "monitor", "advanced")


def summed(user: Any, obj: Any, key: int, interval: Any = REALTIME) -> tuple[Any, Any]:
    """The whole of an object and the sum of its instances."""
    names = [one.name for one in chart_instances.of(user, obj.vcenter, obj, {key})]
    lines = chart_lines.asked(user, obj.vcenter, obj, ",".join([str(key), *(f"{key}@{name}" for name in names)]))
    assert len(lines) == 1 + len(names) > 1
    table = chart_lines.read(user, obj.vcenter, obj, lines, interval)
    whole, *parts = (table.values[line.id] for line in lines)
    gap = np.isnan(parts).all(axis=0)
    return whole, np.where(gap, np.nan, np.nansum(parts, axis=0))


@pytest.mark.parametrize("interval", INTERVALS, ids=lambda one: one.name)
def test_the_instances_of_a_counter_are_the_whole(lab: builders.SmallLab, cast: Cast, interval: Any) -> None:
    times = (MHZ, 11, 12, 13, 14, 399)
    for obj, keys in ((lab.vm, (*times, NET, 148, 149, READS, 179)), (lab.host, (13, 14, NET, 148, 149))):
        for key in keys:
            whole, parts = summed(cast.teacher, obj, key, interval)
            np.testing.assert_allclose(parts, whole, rtol=1e-5, err_msg=f"{obj} {key}")
            if interval is REALTIME:
                assert np.isnan(whole[2])
                assert len(whole) == 30


def test_every_instance_has_a_name_that_people_read(lab: builders.SmallLab, cast: Cast) -> None:
    found = {one.name: str(one.label) for one in chart_instances.of(cast.reader, lab.vcenter, lab.vm)}
    nic = lab.vm.nics.get()
    assert found == {
        **{str(n): f"vCPU {n}" for n in range(4)}, str(nic.key): nic.label, str(lab.datastore.uuid): lab.datastore.name,
    }  # fmt: skip
    host = [one.name for one in chart_instances.of(cast.reader, lab.vcenter, lab.host)]
    assert host == [*map(str, range(lab.host.cores)), *(f"vmnic{n}" for n in range(len(lab.host.nic_mbps)))]
    assert not chart_instances.of(cast.reader, lab.vcenter, lab.cluster)


def test_a_datastore_that_is_hidden_is_no_instance(lab: builders.SmallLab, cast: Cast) -> None:
    grant(cast.outsider, lab.vm, "Read-only")
    names = [one.name for one in chart_instances.of(cast.outsider, lab.vcenter, lab.vm)]
    assert str(lab.datastore.uuid) not in names
    lines = f"{READS}@{lab.datastore.uuid}"
    body = client_of(cast.outsider).get(address(lab, lab.vm, "performance-data"), {"lines": lines}).json()
    assert lines not in body["series"]
    assert str(lab.datastore.uuid) not in client_of(cast.outsider).get(advanced(lab, lab.vm), {"targets": "*"}).text


def test_a_chart_shows_the_targets_that_its_address_names(lab: builders.SmallLab, cast: Cast) -> None:
    client = client_of(cast.reader)
    page = client.get(advanced(lab, lab.vm), {"counters": f"{USAGE},{NET}", "targets": "0,2,nonsense"}).context
    assert [line.id for line in page["lines"]] == ["2@0", "2@2"]
    assert page["target_names"] == "0,2"
    everything = client.get(advanced(lab, lab.vm), {"counters": str(USAGE), "targets": "self,*"})
    assert [line.id for line in everything.context["lines"]] == ["2", "2@0", "2@1", "2@2", "2@3"]
    assert everything.context["target_names"] == "self,*"
    assert 'targets=self,*"' in everything.text  # the periods keep them
    labels = json.loads(everything.context["labels"])
    assert labels["2@1"]["label"] == "vCPU 1 · CPU usage"
    assert labels["2"]["label"] == "CPU usage"


@pytest.mark.parametrize("targets", ["nonsense", "<b>", "self", ",,", "4711", "x" * 5000, "0"])
def test_what_has_no_figures_leaves_the_object_itself(lab: builders.SmallLab, cast: Cast, targets: str) -> None:
    client = client_of(cast.reader)
    page = client.get(advanced(lab, lab.vm), {"counters": str(MEMORY), "targets": targets})
    assert page.status_code == 200
    assert [line.id for line in page.context["lines"]] == [str(MEMORY)]
    assert page.context["own"]
    assert "<b>" not in page.text


BAD = (
    "2@99",
    "2@",
    "2@<b>",
    "24@0",
    "2@vmnic0",
    "143@0",
    "2@00",
    "2@-1",
    "vm-1:2@0",
    "rest:6@0",
    "@0",
    "2@" + "x" * 80,
)


@pytest.mark.parametrize("lines", BAD)
def test_bad_names_get_an_answer(lab: builders.SmallLab, cast: Cast, lines: str) -> None:
    body = client_of(cast.reader).get(address(lab, lab.vm, "performance-data"), {"lines": lines}).json()
    assert list(body["series"]) == [str(ROWS["vm"][0])]


def test_others_are_compared_beside_instances(lab: builders.SmallLab, cast: Cast) -> None:
    other, client = lab.vms[1], client_of(cast.reader)
    asked = {"counters": str(MHZ), "objects": other.moref, "targets": "self,0"}
    page = client.get(advanced(lab, lab.vm), asked)
    ids = [line.id for line in page.context["lines"]]
    assert ids == ["6", "6@0", f"{other.moref}:6"]
    assert page.context["lines"][1].label == f"{lab.vm.name} · vCPU 0 · CPU usage in MHz"
    body = client.get(address(lab, lab.vm, "performance-data"), {"lines": ",".join(ids)}).json()
    assert [len(body["series"][one]) for one in ids] == [30] * 3
    fresh = client.get(address(lab, lab.vm, "performance-data"), {"lines": ids[1], "since": body["times"][-3]}).json()
    assert fresh["series"][ids[1]] == body["series"][ids[1]][-2:]


def test_more_lines_than_fit_are_cut_and_said(lab: builders.SmallLab, cast: Cast) -> None:
    Host.objects.update(cores=64)
    page = client_of(cast.reader).get(advanced(lab, lab.host), {"counters": "2", "targets": "*"})
    assert len(page.context["lines"]) == chart_lines.LINES_MAX
    assert "data-too-many hidden" not in page.text


def test_the_file_names_the_instances(lab: builders.SmallLab, cast: Cast) -> None:
    text = client_of(cast.reader).get(address(lab, lab.vm, "performance-export"), {"lines": "2@0,2@1,2"}).text
    head, *rows = csv.reader(io.StringIO(text))
    assert head[1:] == ["vCPU 0 · CPU usage (%)", "vCPU 1 · CPU usage (%)", "CPU usage (%)"]
    assert rows[2][1:] == ["", "", ""]
    assert float(rows[0][3]) == pytest.approx(60)


def test_a_view_keeps_the_targets(lab: builders.SmallLab, cast: Cast) -> None:
    client = client_of(cast.reader)
    save = address(lab, lab.vm, "chart-view-save")
    client.post(save, {"name": "Each", "shown": "counters=2&targets=0,1,2,3,nonsense"})
    assert ChartView.objects.get().targets == "0,1,2,3"
    client.post(save, {"name": "Each", "shown": "counters=2&targets=*"})
    assert ChartView.objects.get().targets == "*"
    (mine,) = [one for one in client.get(advanced(lab, lab.vms[1])).context["views"] if one.pk]
    assert [line.id for line in client.get(mine.url).context["lines"]] == ["2@0", "2@1", "2@2", "2@3"]
    assert client.post(save, {"name": "Bad", "shown": "counters=2&targets=<b>"}).status_code == 302
    assert ChartView.objects.get(name="Bad").targets == ""


def test_figures_of_all_targets_cost_a_few_queries(lab: builders.SmallLab, cast: Cast) -> None:
    client, nic = client_of(cast.reader), lab.vm.nics.get()
    asked = {
        lab.vm: f"2,6@0,6@1,12@2,143@{nic.key},178@{lab.datastore.uuid},182@{lab.datastore.uuid}",
        lab.host: "2,2@0,14@1,143@vmnic0,143@vmnic1",
    }
    for obj, lines in asked.items():
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                body = client.get(address(lab, obj, "performance-data"), {"lines": lines}).json()
        assert len(body["series"]) == lines.count(",") + 1
        assert len(queries) <= 14, "\n".join(query["sql"][:160] for query in queries)


# --- what carries ----------------------------------------------------------------------------------------------------
def figures(obj: Any, key: int, *names: str) -> list[Any]:
    _times, found = chart_instances.series(obj.vcenter, obj, [(key, name) for name in names], REALTIME)
    return [found[key, name] for name in names]


def test_an_adapter_that_is_not_connected_carries_nothing(lab: builders.SmallLab) -> None:
    first = lab.vm.nics.get()
    second = lab.vm.nics.create(key=4001, label="Network adapter 2", mac="00:50:56:00:00:99", network=lab.network)
    one, two = figures(lab.vm, NET, str(first.key), str(second.key))
    assert (np.nan_to_num(one) > 0).sum() == (np.nan_to_num(two) > 0).sum() == 29
    lab.vm.nics.filter(pk=first.pk).update(connected=False)
    one, two = figures(lab.vm, NET, str(first.key), str(second.key))
    assert not np.nan_to_num(one).any()
    assert np.nan_to_num(two).sum() == pytest.approx(sum(500 + 2 * n for n in range(1, 31) if n != 3), rel=1e-5)


def test_a_link_that_went_down_carried_before(lab: builders.SmallLab) -> None:
    host = lab.host
    with changing(lab.vcenter, lab_s=300.0) as change:
        change.event("esx.problem.net.redundancy.lost", host, host.cluster, name="vmnic0")
    Host.objects.filter(pk=host.pk).update(nics_down=[0])
    host.refresh_from_db()
    one, two = figures(host, NET, "vmnic0", "vmnic1")
    assert (one[14] > 0, two[14], one[15], two[15] > 0) == (True, 0, 0, True)


def test_where_a_machine_worked_before_its_disks_moved_is_not_claimed(lab: builders.SmallLab) -> None:
    with changing(lab.vcenter, lab_s=310.0) as change:
        change.event("VmMigratedEvent", lab.vm, lab.host, datastore="", destination="")
        change.event("VmRelocatedEvent", lab.vm, lab.host, datastore=lab.datastore.name)
    other = builders.make_datastore(lab.datacenter, hosts=lab.hosts)
    lab.vm.disks.create(key=2900, datastore=other)
    home, second, waits = (
        figures(lab.vm, key, str(store.uuid))[0]
        for key, store in ((READS, lab.datastore), (READS, other), (LATENCY, lab.datastore))
    )
    assert np.isnan([home[:16], second[:16], waits[:16]]).all()
    assert (home[16:] > 0).all()
    assert not second[16:].any()
    assert (waits[16:] > 0).all()


def test_counters_of_instances_are_counters_of_the_object() -> None:
    from domain.counters import keys_of

    for kind, families in FAMILIES.items():
        assert {key for keys in families.values() for key in keys} <= set(keys_of(kind))


@pytest.mark.django_db(transaction=True)
def test_what_the_fleet_measures_lies_on_its_instances() -> None:
    """A real fleet whose machines run, one of which gets processors while it does."""
    lab = builders.small_lab(hosts=2, vms=2)
    VirtualMachine.objects.update(vcpus=2, cpu_hot_add=True)
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    vm = VirtualMachine.objects.get(pk=lab.vms[1].pk)
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    pumping.advance(lab.vcenter, 200)
    vm.refresh_from_db()
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, vm, {"vcpus": 4}, vm.change_version))
    added_s = lab.vcenter.lab_seconds()
    pumping.advance(lab.vcenter, 100)
    user = make_cast(lab.vcenter).teacher
    for vm in VirtualMachine.objects.filter(power_state="poweredOn").select_related("host"):
        for key in FAMILIES["vm"]["processor"]:
            if key not in (USAGE, 404):
                whole, parts = summed(user, vm, key)
                np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=0.01, err_msg=str(key))
    for key in (14, 13, NET):
        whole, parts = summed(user, Host.objects.get(pk=lab.host.pk), key)
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=0.01, err_msg=str(key))
    vm = VirtualMachine.objects.get(pk=lab.vms[1].pk)
    times_s, found = chart_instances.series(lab.vcenter, vm, [(MHZ, "1"), (MHZ, "3")], REALTIME)
    runs = ~np.isnan(found[MHZ, "1"])
    assert (runs[:-5] & (times_s[:-5] < added_s - 20)).any()
    assert np.isnan(found[MHZ, "3"][times_s < added_s - 20]).all()
    assert not np.isnan(found[MHZ, "3"][-4:]).any()


@pytest.mark.django_db(transaction=True)
def test_a_broken_link_hands_the_traffic_of_a_real_host_over() -> None:
    lab = builders.small_lab(hosts=2, vms=2)
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 200)
    injection.inject(None, lab.host, "nic_down", duration_s=0, nic=0)
    pumping.advance(lab.vcenter, 100)
    host = Host.objects.get(pk=lab.host.pk)
    assert host.nics_down == [0]
    one, two = figures(host, NET, "vmnic0", "vmnic1")
    assert (one[1:8] > 0).all()
    assert not two[1:8].any()
    assert not one[-3:].any()
    assert (two[-3:] > 0).all()
