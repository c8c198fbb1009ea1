"""Any process of a lab may be killed in the middle of anything: tasks end truthfully, nothing is lost or stuck."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from tests.labs import LabProcess, wait_for

PARTS = ("worker", "pump", "web", "beat", "valkey")
# Starts three migrations, two power-offs and a snapshot, and prints what should come of them.
START = """
import json
from inventory.models import Host, VirtualMachine
from inventory.services import snapshots, vms
from scheduler.services.migration import Target, relocate
hosts = list(Host.objects.filter(cluster__standalone=False).order_by("id"))
rows = VirtualMachine.objects.filter(power_state="poweredOn", host__in=hosts)
rows = rows.select_related("host__cluster", "pool__cluster", "vcenter")
chosen = list(rows.order_by("id")[:6])
moves = {}
for vm in chosen[:3]:
    target = next(h for h in hosts if h.pk != vm.host_id)
    moves[vm.moref] = [relocate(None, vm, Target(host=target)).pk, vm.host.moref, target.moref]
offs = {vm.moref: vms.power_off(None, vm).pk for vm in chosen[3:5]}
shot = {chosen[5].moref: snapshots.take(None, chosen[5], "in the storm").pk}
print("STARTED" + json.dumps({"moves": moves, "offs": offs, "shot": shot}))
"""


PLACED = """
select v.moref, h.moref, v.power_state from inventory_virtualmachine v join inventory_host h on h.id = v.host_id
"""


CLOCK = (
    "from inventory.services import clock; from inventory.models import VCenter; clock.{}(None, VCenter.objects.get())"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    lab = LabProcess(tmp_path_factory.mktemp("crashes"), "--hosts=3", "--vms=30", "--speed=5").start()
    lab.manage("shell", "-c", "from inventory.models import Cluster; Cluster.objects.update(drs_enabled=False)")
    wait_until_all_ended(lab)  # from here on nobody else moves anything
    yield lab
    lab.stop()


def start_work(lab: LabProcess) -> dict[str, dict[str, list]]:
    printed = lab.manage("shell", "-c", START)
    return json.loads(printed.split("STARTED", 1)[1])


def live_tasks(lab: LabProcess) -> list[tuple]:
    query = "select id, operation, state, phase, attempts from inventory_task where state in ('queued', 'running')"
    return lab.rows(query)


def assert_they_agree(lab: LabProcess) -> None:
    """The inventory records each second; what the fleet did in the last one may not have been written yet."""
    lab.manage("shell", "-c", CLOCK.format("pause"))
    try:
        wait_for(lambda: "agree" in lab.try_to_manage("verify_fleet"), "inventory and fleet to agree")
    finally:
        lab.manage("shell", "-c", CLOCK.format("resume"))


def wait_until_all_ended(lab: LabProcess) -> None:
    try:
        wait_for(lambda: not live_tasks(lab), "all tasks to end")
    except AssertionError:
        ends = "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in (lab.data_dir / "logs").glob("*.log"))
        pytest.fail(f"still live: {live_tasks(lab)}\n{lab.pids()}\n{ends}")


@pytest.mark.parametrize("part", PARTS)
def test_work_in_progress_ends_truthfully_when_a_process_is_killed(lab: LabProcess, part: str) -> None:
    before = lab.rows("select count(*) from inventory_virtualmachine")
    started = start_work(lab)
    os.kill(wait_for(lambda: lab.pids().get(part), f"{part} to run"), signal.SIGKILL)
    wait_until_all_ended(lab)
    assert lab.rows("select count(*) from inventory_virtualmachine") == before
    states = dict(lab.rows("select id, state from inventory_task"))
    placed = {moref: (host, power) for moref, host, power in lab.rows(PLACED)}
    for moref, (task, source, target) in started["moves"].items():
        assert placed[moref] == (target if states[task] == "success" else source, "poweredOn")
    for moref, task in started["offs"].items():
        assert (placed[moref][1] == "poweredOff") == (states[task] == "success")
    assert_they_agree(lab)


def test_killing_everything_at_once_loses_nothing(lab: LabProcess) -> None:
    started = start_work(lab)
    for pid in lab.pids().values():
        os.kill(pid, signal.SIGKILL)
    wait_until_all_ended(lab)
    ids = [entry[0] if isinstance(entry, list) else entry for kind in started.values() for entry in kind.values()]
    states = dict(lab.rows("select id, state from inventory_task"))
    assert {states[i] for i in ids} <= {"success", "error"}
    silent = "select count(*) from inventory_task where state = 'error' and fault is null"
    assert lab.rows(silent) == [(0,)]
    assert_they_agree(lab)
