"""The performance pages and the figures behind their charts: owner, reader and stranger; all kinds, all periods."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from domain.counters import COUNTERS, INTERVALS, ROWS, keys_of
from hypervisors.port import Sample
from inventory import charts, metrics
from tests import builders
from tests.cast import Cast, client_of, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab() -> builders.SmallLab:
    lab = builders.small_lab()
    members = metrics.membership(lab.vcenter)
    metrics.record_all(lab.vcenter, [sample_at(20.0 * n) for n in range(1, 31) if n != 5], members)
    return lab


@pytest.fixture
def cast(lab: builders.SmallLab) -> Cast:
    return make_cast(lab.vcenter)


def sample_at(time_s: float) -> Sample:
    arrays = {kind: np.full((len(keys), 6), time_s, np.float32) for kind, keys in ROWS.items()}
    return Sample(time_s, arrays["vm"], arrays["host"], arrays["datastore"])


def address(lab: builders.SmallLab, obj: Any, what: str = "data") -> str:
    return reverse(f"inventory:performance-{what}", args=(lab.vcenter.uuid, obj.moref))


def charted(lab: builders.SmallLab) -> list[Any]:
    return [lab.vm, lab.host, lab.cluster, lab.pool, lab.datastore, lab.datacenter]


def test_every_counter_has_words_and_every_panel_its_counters() -> None:
    assert charts.LABELS.keys() == COUNTERS.keys()
    for kind, panels in charts.PANELS.items():
        assert {key for _, keys in panels for key in keys} <= set(ROWS.get(kind, keys_of(kind)))
        assert sum(map(len, charts.choices(kind).values())) == len(keys_of(kind)) == len(set(keys_of(kind)))
    assert charts.PERIODS.keys() == {interval.name for interval in INTERVALS}


def test_the_figures_of_every_kind_come_as_dates_and_series(lab: builders.SmallLab, cast: Cast) -> None:
    client = client_of(cast.reader)
    for obj in charted(lab):
        body = client.get(address(lab, obj), {"counters": "6,125,281,257"}).json()
        assert body["period"] == "realtime"
        assert len(body["times"]) == 30
        assert body["times"][0] == pytest.approx(lab.vcenter.lab_epoch.timestamp() + 20, abs=0.01)
        for values in body["series"].values():
            assert len(values) == 30
            assert values[4] is None


def test_percent_is_shown_as_percent_and_only_new_points_are_sent(lab: builders.SmallLab, cast: Cast) -> None:
    client = client_of(cast.reader)
    whole = client.get(address(lab, lab.vm), {"counters": "2"}).json()
    assert whole["series"]["2"][-1] == 6.0
    rest = client.get(address(lab, lab.vm), {"counters": "2", "since": whole["times"][-3]}).json()
    assert rest["times"] == whole["times"][-2:]
    day = client.get(address(lab, lab.vm), {"counters": "6,12", "period": "day"}).json()
    assert len(day["times"]) == 2
    assert day["series"]["6"][1] == pytest.approx(np.mean([20 * n for n in range(16, 31)]))
    assert day["series"]["12"][0] == pytest.approx(sum(20 * n for n in range(1, 16)) - 100)


def test_the_file_has_a_row_per_point_and_an_empty_cell_for_a_gap(lab: builders.SmallLab, cast: Cast) -> None:
    answer = client_of(cast.reader).get(address(lab, lab.vm, "export"), {"counters": "2,6"})
    assert answer["Content-Type"].startswith("text/csv")
    assert lab.vm.name in answer["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["time", "CPU usage (%)", "CPU usage in MHz (MHz)"]
    assert len(rows) == 31
    assert rows[5][1:] == ["", ""]
    assert rows[30][1:] == ["6", "600"]


@pytest.mark.parametrize(
    "query",
    [{"counters": "x,-1,99999999,999"}, {"period": "<b>"}, {"since": "nan"}, {"since": "inf"}, {"since": "x"}, {}],
)
def test_odd_questions_get_an_answer(lab: builders.SmallLab, cast: Cast, query: dict[str, str]) -> None:
    body = client_of(cast.reader).get(address(lab, lab.vm), query).json()
    assert body["period"] == "realtime"
    assert list(body["series"]) == [str(ROWS["vm"][0])]


def test_strangers_and_things_without_figures(lab: builders.SmallLab, cast: Cast) -> None:
    for what in ("data", "export"):
        assert client_of(cast.student).get(address(lab, lab.vm, what)).status_code == 200
        assert client_of(cast.outsider).get(address(lab, lab.vm, what)).status_code == 404
        assert Client().get(address(lab, lab.vm, what)).status_code == 302
        assert client_of(cast.reader).get(address(lab, lab.network, what)).status_code == 404
        assert client_of(cast.reader).post(address(lab, lab.vm, what)).status_code in (403, 405)


@pytest.mark.parametrize("section", ["performance", "advanced"])
@pytest.mark.parametrize("period", ["realtime", "day", "nonsense"])
def test_the_pages_open_for_every_kind(lab: builders.SmallLab, cast: Cast, section: str, period: str) -> None:
    client = client_of(cast.reader)
    for obj in charted(lab):
        place = reverse("inventory:object-section", args=(lab.vcenter.uuid, obj.moref, "monitor", section))
        answer = client.get(place, {"period": period, "counters": "6,<x>", "style": "stacked"})
        assert answer.status_code == 200
        assert b"data-charts=" in answer.content
        assert b"<x>" not in answer.content
