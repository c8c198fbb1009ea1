"""Charts of several objects, stacks of machines, kept views, the ranking and the map: right figures, guarded."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from domain.counters import ROWS, row
from hypervisors.port import Sample
from inventory import chart_lines, metrics
from inventory.models import ChartView, VirtualMachine
from inventory.pages.consumers import LEVELS_PCT, level
from tests import builders
from tests.cast import Cast, client_of, grant, make_cast

pytestmark = pytest.mark.django_db
MHZ, READY = 6, 12


@pytest.fixture
def lab() -> builders.SmallLab:
    """Twelve machines; the one in slot n uses 10 * n MHz, except that slot 3 has no sample at all."""
    lab = builders.small_lab(vms=12)
    members = metrics.membership(lab.vcenter)
    metrics.record_all(lab.vcenter, [sample_at(20.0 * n) for n in range(1, 6)], members)
    return lab


@pytest.fixture
def cast(lab: builders.SmallLab) -> Cast:
    return make_cast(lab.vcenter)


def sample_at(time_s: float) -> Sample:
    arrays = {kind: np.full((len(keys), 16), 50.0, np.float32) for kind, keys in ROWS.items()}
    arrays["vm"][row("vm", MHZ)] = 10.0 * np.arange(16)
    arrays["vm"][:, 3] = np.nan
    return Sample(time_s, arrays["vm"], arrays["host"], arrays["datastore"])


def address(lab: builders.SmallLab, obj: Any, what: str, *rest: Any) -> str:
    return reverse(f"inventory:{what}", args=(lab.vcenter.uuid, obj.moref, *rest))


def section(lab: builders.SmallLab, obj: Any, slug: str) -> str:
    return address(lab, obj, "object-section", "monitor", slug)


# --- several objects -------------------------------------------------------------------------------------------------
def test_two_machines_and_their_host_come_side_by_side(lab: builders.SmallLab, cast: Cast) -> None:
    one, two = lab.vms[1], lab.vms[2]
    lines = f"{MHZ},{two.moref}:{MHZ},{lab.host.moref}:{MHZ}"
    body = client_of(cast.reader).get(address(lab, one, "performance-data"), {"lines": lines}).json()
    assert body["series"][str(MHZ)] == [10.0 * one.slot] * 5
    assert body["series"][f"{two.moref}:{MHZ}"] == [10.0 * two.slot] * 5
    assert body["series"][f"{lab.host.moref}:{MHZ}"] == [50.0] * 5
    assert len(body["times"]) == 5


def test_new_points_of_all_lines_come_together(lab: builders.SmallLab, cast: Cast) -> None:
    client, lines = client_of(cast.reader), {"lines": f"{MHZ},{lab.vms[1].moref}:{MHZ},rest:{MHZ}"}
    whole = client.get(address(lab, lab.cluster, "performance-data"), lines).json()
    fresh = client.get(address(lab, lab.cluster, "performance-data"), {**lines, "since": whole["times"][2]}).json()
    assert fresh["times"] == whole["times"][3:]
    assert {len(values) for values in fresh["series"].values()} == {2}


def test_what_may_not_be_seen_is_left_out(lab: builders.SmallLab, cast: Cast) -> None:
    grant(cast.outsider, lab.vm, "Read-only")
    other = lab.vms[1]
    client, lines = client_of(cast.outsider), {"lines": f"{MHZ},{other.moref}:{MHZ},vm-999999:{MHZ},no:1,:{MHZ}"}
    body = client.get(address(lab, lab.vm, "performance-data"), lines).json()
    assert list(body["series"]) == [str(MHZ)]
    found = client.get(address(lab, lab.vm, "performance-objects"), {"q": other.name[:3]})
    assert other.name not in found.content.decode()
    page = client.get(section(lab, lab.vm, "advanced"), {"objects": other.moref})
    assert other.name not in page.content.decode()


def test_a_chart_compares_as_many_objects_as_there_are_colours(lab: builders.SmallLab, cast: Cast) -> None:
    client, morefs = client_of(cast.reader), [vm.moref for vm in lab.vms[1:]]
    lines = ",".join(f"{moref}:{MHZ}" for moref in morefs)
    body = client.get(address(lab, lab.vm, "performance-data"), {"lines": lines}).json()
    assert len(body["series"]) == chart_lines.COLOURS
    several = ",".join(f"{moref}:{key}" for moref in morefs for key in ROWS["vm"][:8])
    body = client.get(address(lab, lab.vm, "performance-data"), {"lines": several}).json()
    assert len(body["series"]) == chart_lines.LINES_MAX


def test_objects_to_compare_with_are_found_by_name(lab: builders.SmallLab, cast: Cast) -> None:
    client, other = client_of(cast.reader), lab.vms[4]
    html = client.get(
        address(lab, lab.vm, "performance-objects"), {"q": other.name, "counter": ["6", "12"], "style": "area"}
    ).content.decode()
    assert other.name in html
    link = html.split('href="')[1].split('"')[0].replace("&amp;", "&")
    shown = client.get(link)
    assert shown.context["style"] == "area"
    assert [line.id for line in shown.context["lines"]] == ["6", f"{other.moref}:6", "12", f"{other.moref}:12"]
    assert f"{other.name} · " in json.loads(shown.context["labels"])[f"{other.moref}:6"]["label"]


def test_a_file_says_whose_each_column_is(lab: builders.SmallLab, cast: Cast) -> None:
    two = lab.vms[2]
    text = client_of(cast.reader).get(
        address(lab, lab.vm, "performance-export"), {"lines": f"{MHZ},{two.moref}:{MHZ}"}
    ).content.decode()  # fmt: skip
    head, *rows = csv.reader(io.StringIO(text))
    assert [lab.vm.name in head[1], two.name in head[2]] == [True, True]
    assert {one[2] for one in rows} == {f"{10 * two.slot}"}


def test_a_name_in_a_file_is_no_formula(lab: builders.SmallLab, cast: Cast) -> None:
    VirtualMachine.objects.filter(pk=lab.vms[2].pk).update(name="=cmd()")
    lines = {"lines": f"{lab.vms[2].moref}:{MHZ},{MHZ}"}
    text = client_of(cast.reader).get(address(lab, lab.vm, "performance-export"), lines).content.decode()
    head = next(csv.reader(io.StringIO(text)))
    assert head[1].startswith("'=cmd()")


# --- stacked per machine ---------------------------------------------------------------------------------------------
def test_a_stack_is_the_greatest_machines_and_the_rest(lab: builders.SmallLab, cast: Cast) -> None:
    shown = client_of(cast.reader).get(section(lab, lab.cluster, "advanced"), {"style": "vms", "counters": str(MHZ)})
    lines = [line.id for line in shown.context["lines"]]
    by_use = sorted(lab.vms, key=lambda vm: -1 if vm.slot == 3 else -vm.slot)
    greatest = [vm for vm in by_use if vm.slot != 3][:7]
    assert lines == [*(f"{vm.moref}:{MHZ}" for vm in greatest), f"rest:{MHZ}"]
    body = client_of(cast.reader).get(address(lab, lab.cluster, "performance-data"), {"lines": ",".join(lines)}).json()
    total = sum(10.0 * vm.slot for vm in lab.vms if vm.slot != 3)
    assert sum(values[-1] for values in body["series"].values()) == pytest.approx(total)


def test_a_share_is_not_stacked_and_a_machine_has_no_stack(lab: builders.SmallLab, cast: Cast) -> None:
    client = client_of(cast.reader)
    asked = client.get(section(lab, lab.cluster, "advanced"), {"style": "vms", "counters": "2"})
    assert asked.context["chosen"] == [chart_lines.STACKABLE[0]]
    assert client.get(section(lab, lab.vm, "advanced"), {"style": "vms"}).context["style"] == "stacked"


# --- kept views ------------------------------------------------------------------------------------------------------
def test_a_view_is_kept_used_on_another_object_and_deleted(lab: builders.SmallLab, cast: Cast) -> None:
    client = client_of(cast.reader)
    shown = "period=day&style=area&counters=12,6,999&objects="
    answer = client.post(address(lab, lab.vm, "chart-view-save"), {"name": " Mine ", "shown": shown})
    assert answer.status_code == 302
    view = ChartView.objects.get()
    assert (view.name, view.period, view.style, view.counters, view.vcenter) == ("Mine", "day", "area", "12,6", None)
    other = client.get(section(lab, lab.vms[3], "advanced"))
    (mine,) = [one for one in other.context["views"] if one.pk]
    there = client.get(mine.url).context
    assert (there["chosen"], there["style"], there["period"]) == ([12, 6], "area", "day")
    client.post(address(lab, lab.vm, "chart-view-save"), {"name": "Mine", "shown": "counters=2"})
    assert ChartView.objects.get().counters == "2"
    assert client.post(address(lab, lab.vm, "chart-view-delete", view.pk)).status_code == 302
    assert not ChartView.objects.exists()


def test_a_view_is_its_owners_alone(lab: builders.SmallLab, cast: Cast) -> None:
    view = ChartView.objects.create(
        user=cast.operator, kind="vm", name="Theirs", counters="2", period="day", style="line"
    )
    client = client_of(cast.reader)
    assert "Theirs" not in client.get(section(lab, lab.vm, "advanced")).content.decode()
    assert client.post(address(lab, lab.vm, "chart-view-delete", view.pk)).status_code == 404
    assert ChartView.objects.filter(pk=view.pk).exists()


def test_a_view_without_a_name_is_refused(lab: builders.SmallLab, cast: Cast) -> None:
    answer = client_of(cast.reader).post(address(lab, lab.vm, "chart-view-save"), {"name": " ", "shown": "counters=2"})
    assert answer.status_code == 409
    assert not ChartView.objects.exists()


# --- who uses most ---------------------------------------------------------------------------------------------------
def test_consumers_are_ranked_and_only_those_that_may_be_seen(lab: builders.SmallLab, cast: Cast) -> None:
    rows = client_of(cast.reader).get(section(lab, lab.cluster, "consumers")).context["rows"]
    assert [one.obj.slot for one in rows] == sorted((vm.slot for vm in lab.vms if vm.slot not in (0, 3)), reverse=True)
    assert rows[0].share_pct == 100
    hosts = client_of(cast.reader).get(section(lab, lab.cluster, "consumers"), {"of": "hosts", "counter": "157"})
    assert {one.obj.moref for one in hosts.context["rows"]} == {host.moref for host in lab.hosts}
    grant(cast.outsider, lab.cluster, "Read-only", propagate=False)
    assert client_of(cast.outsider).get(section(lab, lab.cluster, "consumers")).context["rows"] == []


def test_the_map_has_a_tile_per_running_machine(lab: builders.SmallLab, cast: Cast) -> None:
    shown = client_of(cast.reader).get(section(lab, lab.cluster, "heat"))
    (one,) = shown.context["rows"]
    assert [(tile.moref, tile.level, tile.text) for tile in one.tiles] == [(lab.vm.moref, "0", "0.5%")]
    assert [level(pct) for pct in (0, 24.9, 25, 89, 90, 100)] == [0, 0, 1, 3, 4, 4]
    assert len(shown.context["levels"]) == len(LEVELS_PCT) + 1
