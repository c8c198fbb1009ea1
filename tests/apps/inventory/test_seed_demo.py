"""The demo datacenter: its clock, what its machines replay, and power management where it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from inventory import traces
from inventory.management.commands.seed_demo import BEGINS_S, OFFICE_SCALE, lab_zero
from inventory.models import Cluster, VCenter, VirtualMachine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def day(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    file = tmp_path / "day.npz"
    np.savez(file, cpu=np.full((2, 288), 50, np.uint8), name=np.array(["a", "b"]))
    return file


def seed(*arguments: str) -> str:
    told = StringIO()
    call_command("seed_demo", "--hosts=2", "--vms=4", "--seed=1", *arguments, stdout=told)
    return told.getvalue()


def test_traces_are_an_office_day_and_the_output_says_so(day):
    told = seed(f"--traces={day}")
    assert "recorded bursts times working hours" in told
    vm = VirtualMachine.objects.exclude(trace="").first()
    assert vm.trace_scale == OFFICE_SCALE
    assert traces.OFFICE in vm.trace
    assert all(trace.office for trace in traces.sets_of(VCenter.objects.get()).values())


def test_a_recorded_day_is_left_as_it_is(day):
    assert "as recorded" in seed(f"--traces={day}", "--day=recorded")
    assert set(VirtualMachine.objects.exclude(trace="").values_list("trace_scale", flat=True)) == {1.0}
    assert [trace.office for trace in traces.sets_of(VCenter.objects.get()).values()] == [False]


def test_power_management_is_on_only_where_it_was_asked_for():
    seed("--dpm")
    cluster = Cluster.objects.get(standalone=False)
    assert (cluster.dpm_enabled, cluster.dpm_automation) == (True, "automated")


def test_pages_show_the_hour_by_which_the_guests_live():
    seed()
    vcenter = VCenter.objects.get()
    assert not Cluster.objects.get(standalone=False).dpm_enabled
    shown = vcenter.lab_datetime(BEGINS_S)
    assert (shown.weekday(), shown.hour, shown.minute) == (3, 6, 0)
    assert vcenter.lab_seconds() >= BEGINS_S


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York"])
def test_lab_time_zero_is_a_thursdays_midnight_where_the_lab_is(zone):
    for day_of_month in range(1, 15):
        zero = lab_zero(datetime(2026, 3, day_of_month, 22, 30, tzinfo=UTC), zone)
        assert (zero.weekday(), zero.hour, zero.minute) == (3, 0, 0)
        assert 0 <= (datetime(2026, 3, day_of_month, 22, 30, tzinfo=UTC) - zero).total_seconds() < 7 * 86_400 + 3600


def test_the_database_has_looked_at_its_tables_before_the_first_page():
    seed()
    asked = {
        "sqlite": "SELECT CAST(stat AS INTEGER) FROM sqlite_stat1 WHERE tbl = %s AND idx = 'vm_listed_by_host'",
        "postgresql": "SELECT reltuples FROM pg_class WHERE relname = %s",
    }
    with connection.cursor() as cursor:
        cursor.execute(asked[connection.vendor], ["inventory_virtualmachine"])
        assert cursor.fetchone()[0] == VirtualMachine.objects.count()
