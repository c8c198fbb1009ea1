"""How many SQL queries every page costs: none more than written down, at most 25, no more with ten times the machines.

The pages are those of tests/pages.py, the numbers stand in tests/golden/query_counts.json. After a change that is meant
to cost more, or costs less, or adds a page: `WRITE_QUERY_COUNTS=1 manage.py test tests/apps/golden`, and look at the
difference before it is committed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import VirtualDisk, VirtualNic
from tests.builders import GIB, SmallLab, make_vms, small_lab
from tests.cast import make_user
from tests.pages import ELSEWHERE, pages_of

GOLDEN = Path(__file__).parents[2] / "golden" / "query_counts.json"
WRITE = "WRITE_QUERY_COUNTS"
QUERIES_AT_MOST = 25
FEW, MANY = 12, 120
pytestmark = pytest.mark.django_db


def counts(client: Client, lab: SmallLab) -> dict[str, int]:
    """The number of queries of every page; a Summary is counted when its cards' caches are warm. What other tests have
    left in the cache, of clusters with the same keys, does not count."""
    cache.clear()
    found = {}
    for name, address in pages_of(lab):
        if name.endswith(": summary"):
            client.get(address)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
            assert answer.status_code in (200, 302, 403, 409), f"{name}: {answer.status_code}"
        found[name] = len(queries)
    return found


def fill(lab: SmallLab, number: int) -> None:
    """Give the lab's hosts `number` more machines, each with a disk and an adapter, half of them in the pool."""
    for pool in (lab.pool, None):
        machines = make_vms(lab.hosts, number // 2, pool=pool, folder=lab.vm_folder, power_state="poweredOn")
        VirtualDisk.objects.bulk_create(
            VirtualDisk(vm=vm, datastore=lab.datastore, capacity_bytes=16 * GIB) for vm in machines
        )
        VirtualNic.objects.bulk_create(
            VirtualNic(vm=vm, network=lab.network, mac=f"00:50:57:00:{vm.pk >> 8 & 255:02x}:{vm.pk & 255:02x}")
            for vm in machines
        )


Measured = tuple[dict[str, int], dict[str, int]]


@pytest.fixture(scope="module")
def measured(django_db_setup: None, django_db_blocker: Any) -> Measured:
    """The counts with few and with many machines."""
    with django_db_blocker.unblock(), transaction.atomic():
        teacher = make_user("teacher", is_staff=True, is_superuser=True)
        lab, client = small_lab(teacher, vms=FEW), Client()
        client.force_login(teacher)
        for address in ELSEWHERE.values():  # what the process keeps for all pages
            client.get(address)
        few = counts(client, lab)
        fill(lab, MANY - FEW)
        many = counts(client, lab)
        transaction.set_rollback(True)
    return few, many


def test_no_page_costs_more_than_written_down(measured: Measured) -> None:
    few, _many = measured
    if os.environ.get(WRITE):
        GOLDEN.write_text(json.dumps(few, indent=1, sort_keys=True) + "\n")
    written = json.loads(GOLDEN.read_text())
    more = [f"{name}: {few[name]}, not {written[name]}" for name in sorted(few.keys() & written.keys())
            if few[name] > written[name]]  # fmt: skip
    assert not more, "\n".join(["Queries (see the head of this file):", *more])
    assert len(few.keys() & written.keys()) > 300


def test_no_page_needs_many(measured: Measured) -> None:
    _few, many = measured
    assert not {name: number for name, number in many.items() if number > QUERIES_AT_MOST}


def test_ten_times_the_machines_cost_no_more(measured: Measured) -> None:
    few, many = measured
    grown = {name: (few[name], many[name]) for name in few if many[name] > few[name]}
    assert not grown
