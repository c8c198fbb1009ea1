"""Server time, queries and size of the pages people open, on whatever datacenter the database holds."""

import gzip
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import F
from django.test import Client

from domain.counters import REALTIME, REALTIME_S
from domain.states import Status
from hypervisors.port import Sample
from inventory import metrics, pump
from inventory.alarming.status import settle
from inventory.metrics.store import point_number
from inventory.models import (
    AlarmDefinition,
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Host,
    Network,
    ResourcePool,
    TriggeredAlarm,
    VCenter,
    VirtualMachine,
)
from vsphere_web import heap
from vsphere_web.bench import first_page

COLOURS = (str(Status.YELLOW), str(Status.RED))
ALARM_CHANGES = "alarm changes"
BACKEND = "django.contrib.auth.backends.ModelBackend"


class Count:
    """Counts what goes to the database."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        return execute(sql, params, many, context)


def measure(repeats: int, only: str = "") -> list[dict[str, Any]]:
    """One row per page (whose name contains `only`): p50 and p95 of server time over `repeats` requests after one that
    warms caches.

    The last row is what a browser with an empty cache fetches for a first page.
    """
    vcenter = VCenter.objects.get()
    pump.pump(vcenter.pk)
    VCenter.objects.filter(pk=vcenter.pk).update(clock_lab_s=F("clock_lab_s") + 3 * REALTIME_S)
    pump.pump(vcenter.pk)  # with figures: pages and sorts have them
    _fill_hour(vcenter)
    client = Client(SERVER_NAME="localhost")
    client.force_login(
        get_user_model().objects.get(username="administrator"), "django.contrib.auth.backends.ModelBackend"
    )
    alarmed = _alarm_some(vcenter)
    heap.settle()  # as a web server does before its first page
    pages = [page for page in _pages(vcenter) if only in page[0]]
    rows = [_row(name, partial(_get, client, path, htmx), repeats) for name, path, htmx in pages]
    if only in ALARM_CHANGES:
        rows.append(_row(ALARM_CHANGES, partial(_change_alarm, vcenter, alarmed), repeats))
    if only:
        return rows
    cluster = Cluster.objects.filter(standalone=False).order_by("id")[0]
    cold = first_page.sizes(client, f"/vc/{vcenter.uuid}/{cluster.moref}/")
    return [*rows, {"page": "cold first page", "kib": sum(cold.values()) / 1024, "files": len(cold)}]


def _fill_hour(vcenter: VCenter) -> None:
    """An hour of real-time points, so that charts read as much as they ever do."""
    newest = metrics.latest(vcenter)
    assert newest is not None
    figures = (newest.vm, newest.host, newest.datastore)
    members, first = metrics.membership(vcenter), point_number(newest.time_s)
    for number in range(first + 1, first + REALTIME.points + 1):
        metrics.record(vcenter, Sample(number * float(REALTIME_S), *figures), members)


def _pages(vcenter: VCenter) -> Iterator[tuple[str, str, bool]]:
    root = f"/vc/{vcenter.uuid}"
    cluster = Cluster.objects.filter(standalone=False).order_by("id")[0]
    vm = VirtualMachine.objects.filter(host__cluster=cluster).order_by("id")[0]
    host = Host.objects.filter(cluster=cluster).order_by("id")[0]
    pool = ResourcePool.objects.filter(cluster=cluster, parent__isnull=False).order_by("id")[0]
    vm_folder = Folder.objects.filter(folder_kind="vm", fixed=False).order_by("id")[0]
    store, network = Datastore.objects.order_by("id")[0], Network.objects.order_by("id")[0]
    yield "home", "/", False
    objects: dict[str, Any] = {
        "vcenter": vcenter, "cluster": cluster, "host": host, "pool": pool, "vm": vm, "datastore": store,
        "network": network, "vm folder": vm_folder,
    }  # fmt: skip
    for name, obj in objects.items():
        yield f"{name} summary", f"{root}/{obj.moref}/", False
    yield "vcenter vms", f"{root}/group-d1/vms/", False
    yield "cluster vms", f"{root}/{cluster.moref}/vms/", False
    yield "grid sorted by name", f"{root}/group-d1/grid/vms/?sort=-name", True
    yield "grid sorted by cpu", f"{root}/group-d1/grid/vms/?sort=-cpu", True
    for key in ("provisioned", "used"):
        yield f"grid by {key}, deep", f"{root}/group-d1/grid/vms/?sort=-{key}&page=300", True
    yield "vcenter hosts", f"{root}/group-d1/hosts/", False
    yield "tree roots", "/tree/?view=hosts", True
    yield "tree cluster", f"{root}/tree/?view=hosts&node={cluster.moref}", True
    yield "tree pool", f"{root}/tree/?view=hosts&node={pool.moref}", True
    for view in ("hosts", "vms"):
        yield f"tree alarms, {view}", f"{root}/tree/alarms/?view={view}", True
    yield "tree vm folder", f"{root}/tree/?view=vms&node={vm_folder.moref}", True
    yield "search", f"/search/?q={vm.name[:5]}", False
    yield "suggest", f"/search/suggest/?q={vm.name[:5]}", True
    yield "search one kind", f"/search/?q={vm.name[:5]}&kind=vm", False
    yield "preferences", "/preferences/", False
    yield "tasks", f"{root}/tasks/", False
    yield "events", f"{root}/events/", False
    yield "vm performance", f"{root}/{vm.moref}/monitor/performance/", False
    yield from _charts(root, vm, host, cluster.datacenter)
    yield "actions menu", f"{root}/{vm.moref}/menu/", True


def _charts(root: str, vm: VirtualMachine, host: Host, datacenter: Datacenter) -> Iterator[tuple[str, str, bool]]:
    """What large charts fetch: a machine beside its processors, a host's, the sums of a datacenter."""
    processors = ",".join(f"6@{number}" for number in range(vm.vcpus))
    yield "vm chart, targets", f"{root}/{vm.moref}/performance/data/?lines=6,{processors}", True
    cores = ",".join(f"2@{number}" for number in range(min(host.cores, 31)))
    yield "host chart, targets", f"{root}/{host.moref}/performance/data/?lines=2,{cores}", True
    sums = "6,278,276,98,33,157,256,257"
    yield "datacenter chart", f"{root}/{datacenter.moref}/performance/data/?lines={sums}", True


def _alarm_some(vcenter: VCenter) -> list[str]:
    """Alarms of one machine in fifty and one host in twenty; returns the machines' references."""
    root = {"vcenter": vcenter, "entity": vcenter.moref}
    for model, share in ((Host, 20), (VirtualMachine, 50)):
        definition = AlarmDefinition.objects.create(
            **root, name=f"bench {model.KIND}", moref=f"alarm-b{share}", target_kind=model.KIND
        )
        some = list(model.objects.filter(vcenter=vcenter).order_by("pk").values_list("moref", "name"))[::share]
        TriggeredAlarm.objects.bulk_create(
            TriggeredAlarm(definition=definition, vcenter=vcenter, entity=moref, entity_kind=model.KIND,
                           entity_name=name, status=COLOURS[n % 2], triggered_lab_s=0.0)
            for n, (moref, name) in enumerate(some)
        )  # fmt: skip
        settle(vcenter, model.KIND, [moref for moref, _name in some])
    return [moref for moref, _name in some]


def _change_alarm(vcenter: VCenter, alarmed: list[str]) -> tuple[int, bytes]:
    """One alarm from yellow to red or back, and its machine's status: (200, nothing)."""
    alarm = TriggeredAlarm.objects.get(vcenter=vcenter, entity=alarmed[len(alarmed) // 2])
    alarm.status = COLOURS[alarm.status == COLOURS[0]]
    alarm.save(update_fields=["status"])
    settle(vcenter, alarm.entity_kind, [alarm.entity])
    return 200, b""


def _get(client: Client, path: str, htmx: bool) -> tuple[int, bytes]:
    answer = client.get(path, headers={"HX-Request": "true"} if htmx else {})
    return answer.status_code, answer.content


def _row(name: str, act: Callable[[], tuple[int, bytes]], repeats: int) -> dict[str, Any]:
    count = Count()
    with connection.execute_wrapper(count):
        status, content = act()
    times_ms, cpu_ms = [], []
    for _ in range(repeats):
        started, cpu = time.perf_counter(), time.process_time()
        act()
        cpu_ms.append(1000 * (time.process_time() - cpu))  # says the same on a machine that others load
        times_ms.append(1000 * (time.perf_counter() - started))
    return {
        "page": name,
        "status": status,
        "p50_ms": float(np.percentile(times_ms, 50)),
        "p95_ms": float(np.percentile(times_ms, 95)),
        "cpu_p50_ms": float(np.percentile(cpu_ms, 50)),
        "cpu_p95_ms": float(np.percentile(cpu_ms, 95)),
        "queries": count.queries,
        "kib": len(gzip.compress(content)) / 1024,
    }
