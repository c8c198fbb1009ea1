"""Grids: what they list, how they sort, filter and page, and that none of it costs more with more rows."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.counters import ROWS, row
from domain.states import VmPower
from inventory.grids import GRIDS, GridState, build
from inventory.grids.grid import select
from inventory.grids.render import harmless
from inventory.grids.slots import every_slot
from inventory.models import Preferences, VirtualMachine
from tests.builders import make_vms, small_lab
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db
MOST_QUERIES = 25


@pytest.fixture
def lab():
    return small_lab(hosts=3, vms=6)


@pytest.fixture
def cast(lab) -> Cast:
    return make_cast(lab.vcenter)


def figures(lab, **by_moref: float) -> SimpleNamespace:
    """The latest sample: CPU usage in percent of some VMs, nothing of the others."""
    array = np.full((len(ROWS["vm"]), 64), np.nan, dtype=np.float32)
    for vm in lab.vms:
        if vm.moref.replace("-", "_") in by_moref:
            array[row("vm", 2), vm.slot] = by_moref[vm.moref.replace("-", "_")] * 100
    return SimpleNamespace(vm=array)


def names(grid_page) -> list[str]:
    return [r.name for r in grid_page.rows]


def page(lab, user, key="vms", obj=None, query="", latest=None):
    return build(GRIDS[key], user, lab.vcenter, obj or lab.cluster, GridState.read(QueryDict(query)), latest)


# --- which rows ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("owner", ["cluster", "pool", "vm_folder", "datastore", "network", "datacenter", "vcenter"])
def test_the_vms_of_an_object_are_those_that_lie_in_it(lab, cast, owner):
    shown = set(names(page(lab, cast.student, obj=getattr(lab, owner))))
    everything = {vm.name for vm in VirtualMachine.objects.all()}
    without_template = {vm.name for vm in lab.vms}
    expected = {
        "pool": {lab.vms[0].name},
        "vm_folder": {lab.vms[0].name},
        "network": without_template,
    }.get(owner, everything)
    assert shown == expected


@pytest.mark.parametrize("key", sorted(GRIDS))
def test_every_grid_draws_for_the_whole_vcenter(lab, cast, key):
    drawn = page(lab, cast.student, key, obj=lab.vcenter)
    assert drawn.total == len(drawn.rows)
    assert all(len(r.cells) == len(drawn.heads) for r in drawn.rows)


def test_root_pools_and_compute_resources_of_single_hosts_are_no_rows(lab, cast):
    assert names(page(lab, cast.student, "pools")) == ["Production"]
    assert names(page(lab, cast.student, "clusters", obj=lab.vcenter)) == ["Cluster"]


# --- order and filters -----------------------------------------------------------------------------------------------
def test_names_sort_both_ways(lab, cast):
    assert names(page(lab, cast.student)) == sorted(names(page(lab, cast.student)))
    assert names(page(lab, cast.student, query="sort=-name")) == names(page(lab, cast.student))[::-1]


def test_live_figures_sort_with_unknown_ones_last_either_way(lab, cast):
    a, b, c = lab.vms[:3]
    latest = figures(
        lab, **{a.moref.replace("-", "_"): 20, b.moref.replace("-", "_"): 80, c.moref.replace("-", "_"): 50}
    )
    assert names(page(lab, cast.student, query="sort=cpu", latest=latest))[:3] == [a.name, c.name, b.name]
    assert names(page(lab, cast.student, query="sort=-cpu", latest=latest))[:3] == [b.name, c.name, a.name]


def test_slots_come_as_one_text_whatever_the_database(lab):
    rows = VirtualMachine.objects.filter(vcenter=lab.vcenter).order_by("-name")
    assert sorted(every_slot(rows)) == sorted(rows.values_list("slot", flat=True))
    assert every_slot(rows.none()).tolist() == []
    assert every_slot(rows.filter(name="nobody")).tolist() == []
    tagged = rows.filter(nics__isnull=False).distinct()  # joined to others, and told apart again
    assert sorted(every_slot(tagged)) == sorted(set(tagged.values_list("slot", flat=True)))


def test_space_sorts_by_what_the_disks_take_together(lab, cast):
    lab.vms[1].disks.update(capacity_bytes=900 * 1024**3)
    assert names(page(lab, cast.student, query="sort=-provisioned"))[0] == lab.vms[1].name
    assert names(page(lab, cast.student, query="sort=provisioned"))[-1] == lab.vms[1].name


def test_space_sorts_by_the_newest_sample_as_it_shows_it(lab, cast):
    latest = figures(lab)
    assert names(page(lab, cast.student, query="sort=-used", latest=latest)) == names(
        page(lab, cast.student, query="sort=-used")
    )
    gib = 1024**2  # KB
    for vm, used in zip(lab.vms[:4], (5 * gib, 9 * gib, 5 * gib, 7 * gib), strict=True):
        latest.vm[row("vm", 281), vm.slot] = used
    alike = [vm.name for vm in sorted((lab.vms[0], lab.vms[2]), key=lambda vm: vm.slot)]
    assert names(page(lab, cast.student, query="sort=-used", latest=latest))[:4] == [
        lab.vms[1].name, lab.vms[3].name, *alike
    ]  # fmt: skip
    rising = page(lab, cast.student, query="sort=used", latest=latest)
    assert names(rising)[:4] == [*alike, lab.vms[3].name, lab.vms[1].name]
    at = [head.column.key for head in rising.heads].index("used")
    assert "5 GB" in rising.rows[0].cells[at].html


@pytest.mark.parametrize("key", sorted(GRIDS))
def test_every_sortable_column_sorts(lab, cast, key):
    for column in GRIDS[key].columns:
        if column.sortable:
            drawn = page(lab, cast.student, key, obj=lab.vcenter, query=f"sort=-{column.key}")
            assert len(drawn.rows) == drawn.total, column.key


def test_a_range_of_a_live_figure_filters_in_the_units_that_are_shown(lab, cast):
    a, b = lab.vms[:2]
    latest = figures(lab, **{a.moref.replace("-", "_"): 20, b.moref.replace("-", "_"): 80})
    assert names(page(lab, cast.student, query="min.cpu=50", latest=latest)) == [b.name]
    assert names(page(lab, cast.student, query="max.cpu=50", latest=latest)) == [a.name]


def test_columns_filter_by_words_choices_and_ranges(lab, cast):
    vm = lab.vms[2]
    VirtualMachine.objects.filter(pk=vm.pk).update(memory_mib=64 * 1024, notes="payroll")
    assert names(page(lab, cast.student, query="min.memory=32")) == [vm.name]
    assert names(page(lab, cast.student, query="f.notes=PAY")) == [vm.name]
    assert names(page(lab, cast.student, query="q=payroll")) == [vm.name]
    assert names(page(lab, cast.student, query=f"f.state={VmPower.ON}")) == [lab.vms[0].name]


def test_pages_never_overlap_and_a_page_beyond_the_end_is_the_last(lab, cast):
    make_vms(lab.hosts, 60, name="web")
    pages = [names(page(lab, cast.student, query=f"size=25&page={n}")) for n in (1, 2, 3)]
    shown = [name for one in pages for name in one]
    assert len(shown) == len(set(shown)) == VirtualMachine.objects.count()
    assert names(page(lab, cast.student, query="size=25&page=99")) == pages[2]


@limits(max_examples=40)
@given(st.dictionaries(st.sampled_from(["sort", "page", "size", "q", "f.state", "min.cpu", "max.memory"]), st.text()))
def test_no_address_makes_a_grid_fail_or_change_its_meaning(values):
    query = QueryDict(mutable=True)
    query.update(values)
    state = GridState.read(query)
    assert GridState.read(QueryDict(state.query()[1:])) == state


def test_a_sort_by_figures_without_figures_falls_back_to_names(lab, cast):
    part = select(GRIDS["vms"], VirtualMachine.objects.all(), GridState(sort="cpu"), None)
    assert [vm.name for vm in part.rows] == sorted(vm.name for vm in VirtualMachine.objects.all())


# --- endpoints -------------------------------------------------------------------------------------------------------
def address(lab, obj=None, tab="vms", name="grid") -> str:
    where = {"vc": lab.vcenter.uuid, "moref": (obj or lab.cluster).moref, "tab": tab}
    return reverse(f"inventory:{name}", kwargs=where)


@pytest.mark.parametrize(("who", "status"), [("student", 200), ("reader", 200), ("operator", 200), ("outsider", 404)])
@pytest.mark.parametrize("name", ["grid", "grid-export"])
def test_who_sees_a_grid(lab, cast, client: Client, who, status, name):
    client.force_login(getattr(cast, who))
    assert client.get(address(lab, name=name)).status_code == status


def test_a_stranger_is_asked_to_log_in_and_a_script_told_so(lab, client: Client):
    assert client.get(address(lab)).status_code == 302
    assert client.get(address(lab), headers={"HX-Request": "true"}).status_code == 401


def test_the_address_of_the_page_follows_the_grid(lab, cast, client: Client):
    client.force_login(cast.student)
    answer = client.get(address(lab), {"sort": "-cpu", "page": "1"}, headers={"HX-Request": "true"})
    assert answer["HX-Push-Url"] == address(lab, name="object-tab") + "?sort=-cpu"


def test_some_rows_again(lab, cast, client: Client):
    client.force_login(cast.student)
    html = client.get(address(lab), {"only": f"{lab.vm.moref} vm-999999 nonsense"}).content.decode()
    assert html.count("<tr") == 1
    assert f'id="row-{lab.vm.moref}"' in html


def test_columns_are_remembered_per_person_and_can_be_put_back(lab, cast, client: Client):
    client.force_login(cast.reader)
    url = address(lab, name="grid-columns")
    html = client.post(url, {"column": ["notes", "nonsense"]}).content.decode()
    assert 'data-col="notes"' in html
    assert 'data-col="name"' in html
    assert 'data-col="state"' not in html
    assert Preferences.objects.get(user=cast.reader).layout["grids"] == {"vms": ["notes"]}
    assert 'data-col="state"' in client.post(url, {"standard": "1"}).content.decode()


def test_columns_cannot_be_changed_by_a_foreign_page(lab, cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.reader)
    assert client.post(address(lab, name="grid-columns"), {"column": ["notes"]}).status_code == 403


def test_the_file_has_all_filtered_rows_and_no_formula(lab, cast, client: Client):
    client.force_login(cast.reader)
    VirtualMachine.objects.filter(pk=lab.vm.pk).update(name="=HYPERLINK(1)")
    answer = client.get(address(lab, name="grid-export"))
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert lines[0][0] == "Name"
    assert len(lines) - 1 == VirtualMachine.objects.filter(host__cluster=lab.cluster).count()
    assert "'=HYPERLINK(1)" in {line[0] for line in lines}


@given(st.text())
def test_no_cell_of_a_file_starts_a_formula(text):
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert harmless(text).endswith(text)


@pytest.mark.parametrize("key", sorted(GRIDS))
def test_queries_do_not_grow_with_the_rows(lab, cast, key, django_assert_max_num_queries):
    with django_assert_max_num_queries(MOST_QUERIES) as few:
        page(lab, cast.operator, key, obj=lab.vcenter)
    make_vms(lab.hosts, 40, name="web")
    with django_assert_max_num_queries(MOST_QUERIES) as many:
        page(lab, cast.operator, key, obj=lab.vcenter)
    assert len(many) <= len(few)
