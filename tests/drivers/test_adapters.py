"""Network adapters: one that is not connected carries nothing, and its guest cannot be reached over it."""

from dataclasses import replace
from typing import Any

import pytest

from domain.specs import VmSpec, WorkloadSpec, to_plain
from hypervisors.port import Happening, Op
from tests.drivers.rig import Rig, lab, nic_spec, vm_id, vm_spec

NET_USAGE = 143
BUSY = vm_id(0)


def talking(n: int) -> dict[str, Any]:
    return {"workload": WorkloadSpec("web", scale=3.0)}


@pytest.fixture
def rig() -> Rig:
    rig = Rig(lab(vm=talking, off=1))
    rig.run(120)
    return rig


def change(rig: Rig, *nics: Any) -> None:
    spec: VmSpec = replace(vm_spec(0, **talking(0)), nics=nics)
    rig.run_until(rig.do(Op.RECONFIGURE_VM, BUSY, spec=to_plain(spec)))


def address(rig: Rig, vm: str = BUSY) -> str:
    return str(rig.kinds(Happening.VM_TOOLS, target=vm)[-1].data["ip"])


def test_pulling_the_plug_ends_traffic_and_address_at_once_and_plugging_it_in_brings_both_back(rig: Rig) -> None:
    before = address(rig)
    assert before
    assert rig.figure("vm", NET_USAGE, 0) > 0
    change(rig, nic_spec(connected=False))
    assert address(rig) == ""
    rig.run(40)
    assert rig.figure("vm", NET_USAGE, 0) == 0
    assert rig.figure("vm", NET_USAGE, 3) > 0, "the neighbours talk on"
    change(rig, nic_spec())
    assert address(rig) == before
    rig.run(40)
    assert rig.figure("vm", NET_USAGE, 0) > 0


def test_an_adapter_without_a_network_leads_nowhere(rig: Rig) -> None:
    change(rig, nic_spec(network=""))
    rig.run(40)
    assert address(rig) == ""
    assert rig.figure("vm", NET_USAGE, 0) == 0


def test_a_second_adapter_has_an_address_of_its_own(rig: Rig) -> None:
    first = address(rig)
    change(rig, nic_spec(connected=False), nic_spec(4001))
    assert address(rig) not in ("", first)
    change(rig, nic_spec(), nic_spec(4001))
    assert address(rig) == first


def test_the_next_power_on_connects_what_is_to_be_connected_then(rig: Rig) -> None:
    change(rig, nic_spec(start_connected=False))
    assert address(rig), "connected until the machine is switched off"
    rig.run_until(rig.do(Op.POWER_OFF, BUSY))
    rig.run_until(rig.do(Op.POWER_ON, BUSY))
    rig.run(300)
    assert address(rig) == ""
    assert rig.figure("vm", NET_USAGE, 0) == 0


def test_a_suspended_guest_wakes_up_as_unplugged_as_it_was(rig: Rig) -> None:
    change(rig, nic_spec(connected=False))
    rig.run_until(rig.do(Op.SUSPEND, BUSY))
    rig.run_until(rig.do(Op.RESUME, BUSY))
    rig.run(60)
    assert address(rig) == ""
    assert rig.figure("vm", NET_USAGE, 0) == 0


def test_a_host_without_adapters_works_on_its_machines_and_lets_none_speak() -> None:
    rig = Rig(lab(hosts=1, vms=3, vm=talking, off=1, host={"nic_mbps": ()}))
    rig.run(120)
    assert rig.figure("vm", NET_USAGE, 0) == 0
    assert rig.figure("vm", 6, 0) > 0
    assert rig.figure("host", NET_USAGE, 0) == 0
