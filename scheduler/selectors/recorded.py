"""What a cluster's own VMs did in the last lab day, as a trace; and its hosts as a replay needs them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from domain.hardware import SERVER_MODELS
from domain.resources import host_memory_for_vms_mib
from domain.states import VmPower
from domain.testbed import HostModel
from domain.traces import TraceSet
from inventory import metrics
from inventory.charts import INTERVAL_OF
from inventory.models import Cluster, Host, VirtualMachine

CPU_DEMAND, CONSUMED = 398, 98
DAY = INTERVAL_OF["day"]
IDLE_W = (0.0,) * 11  # of a host whose power nobody published


def recorded_hours(cluster: Cluster) -> float:
    """Lab hours that the day roll-up of the cluster's vCenter covers."""
    times_s, _values = metrics.points(cluster.vcenter, "vm", CPU_DEMAND, 1, DAY)
    return len(times_s) * DAY.sampling_s / 3600


def own_day(cluster: Cluster) -> TraceSet | None:
    """CPU demand of the VMs that run now over the recorded part of the last lab day; None below two samples.

    A VM that was off or not there yet asked for nothing then. What was never measured for any VM is left out.
    """
    rows = VirtualMachine.objects.filter(host__cluster=cluster, template=False, power_state=VmPower.ON)
    vms = list(rows.select_related("host").only("name", "slot", "vcpus", "memory_mib", "host__core_mhz").order_by("id"))
    if not vms:
        return None
    slots = np.array([vm.slot for vm in vms])
    _times_s, demand = metrics.points(cluster.vcenter, "vm", CPU_DEMAND, int(slots.max()) + 1, DAY)
    demand = demand[:, slots]
    demand = demand[~np.isnan(demand).all(axis=1)]
    if len(demand) < 2:
        return None
    cap_mhz = np.array([vm.vcpus * vm.host.core_mhz for vm in vms], np.float32)
    cpu_pct = np.clip(np.nan_to_num(demand).T * (100 / cap_mhz)[:, None], 0, 100).astype(np.float32)
    return TraceSet(
        tuple(vm.name for vm in vms), float(DAY.sampling_s), cpu_pct, None,
        np.array([vm.vcpus for vm in vms]), cap_mhz, np.array([vm.memory_mib for vm in vms], np.float32), cluster.name,
    )  # fmt: skip


def machines(cluster: Cluster) -> list[HostModel]:
    """The cluster's hosts, whatever state they are in: model, cores, MHz, memory for VMs, power curve."""
    return [_machine(host) for host in Host.objects.filter(cluster=cluster).order_by("id")]


def _machine(host: Host) -> HostModel:
    server = SERVER_MODELS.get(host.model)
    memory_mib = host_memory_for_vms_mib(host.memory_mib, host.hosted)
    nic_mbps = float((host.nic_mbps or [1000])[-1])
    watts = server.watts if server else IDLE_W
    return HostModel(host.model[:60], host.cores, float(host.core_mhz), float(memory_mib), watts, 1, nic_mbps)


# --- a trace as bytes ------------------------------------------------------------------------------------------------
def packed(traces: TraceSet) -> bytes:
    """A small archive that `unpacked` reads."""
    arrays: dict[str, Any] = {
        "names": np.array(traces.names), "step_s": np.array(traces.step_s), "cpu_pct": traces.cpu_pct,
        "source": np.array(traces.source), "cores": traces.cores, "cap_mhz": traces.cap_mhz,
        "mem_cap_mib": traces.mem_cap_mib,
    }  # fmt: skip
    file = io.BytesIO()
    np.savez_compressed(file, **{name: array for name, array in arrays.items() if array is not None})
    return file.getvalue()


def unpacked(data: bytes) -> TraceSet:
    """What `packed` wrote; nothing is unpickled."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        sizes = {name: found.get(name) for name in ("cores", "cap_mhz", "mem_cap_mib")}
        return TraceSet(
            tuple(map(str, found["names"])), float(found["step_s"]), found["cpu_pct"], None,
            source=str(found["source"]), **sizes,
        )  # fmt: skip
