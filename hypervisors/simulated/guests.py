"""What happens to a running guest: it starts, stops, crashes, boots its tools; and the events that tell it."""

from __future__ import annotations

import numpy as np

from domain.states import ToolsStatus, VmPower
from hypervisors.port import Happening
from hypervisors.simulated import noise
from hypervisors.simulated.fleet import Fleet, swap_file_bytes
from hypervisors.simulated.noise import Stream
from hypervisors.simulated.tables import Hog, Power, Tools

TOLD_PER_TICK = 500
POWER = {Power.OFF: VmPower.OFF, Power.ON: VmPower.ON, Power.SUSPENDED: VmPower.SUSPENDED}


FIRST_NIC_KEY = 4000


def address_of(key: int, link: int) -> str:
    """The guest's IP address on its adapter `link`, a function of both; "" where no adapter is connected."""
    if not link:
        return ""
    bits = int(noise.uniform(key, Stream.ADDRESS, abs(link - FIRST_NIC_KEY)) * 2**24)
    return f"10.{bits >> 16 & 255}.{bits >> 8 & 255}.{1 + bits % 254}"


def start(fleet: Fleet, slot: int, host: int, cause: str, op_id: str = "", boot_s: float = 0.0) -> None:
    """The VM runs on `host` from now; its tools answer after the guest has booted."""
    vms, physics = fleet.state.vms, fleet.tuning.physics
    vms.host[slot] = host
    fleet.set_power(slot, Power.ON)
    vms.boot_s[slot] = fleet.now_s
    vms.features[slot] = fleet.state.hosts.features[host]
    vms.link[slot] = vms.boot_link[slot]
    vms.touched_mib[slot] = vms.active_mib[slot] = 0.0
    vms.swap_bytes[slot] = swap_file_bytes(float(vms.memory_mib[slot]), float(vms.mem_reservation_mib[slot]))
    _touch_at_boot(fleet, slot, physics.boot_touch_ratio)
    tell_power(fleet, slot, cause, op_id)
    await_tools(fleet, slot, boot_s)


def _touch_at_boot(fleet: Fleet, slot: int, ratio: float) -> None:
    """A booting guest touches this part of its memory at once, as far as its host has it free."""
    vms, host = fleet.state.vms, int(fleet.state.vms.host[slot])
    want = ratio * float(vms.memory_mib[slot])
    others = [s for s in fleet.vms_on(host) if s != slot]
    p = fleet.tuning.physics
    consumed = (
        vms.touched_mib[others] * (1 - p.shared_ratio) - vms.balloon_mib[others] - vms.swapped_mib[others]
    ) - p.compress_saving * vms.compressed_mib[others]
    overhead = sum(fleet.memory_claim(s) - float(vms.mem_reservation_mib[s]) for s in [*others, slot])
    free = fleet.capacity(host)[1] - float(consumed.sum()) - overhead
    vms.touched_mib[slot] = np.float32(max(0.0, min(want, free)))


def await_tools(fleet: Fleet, slot: int, boot_s: float = 0.0) -> None:
    vms, uuid = fleet.state.vms, fleet.state.vm_ids.uuids[slot]
    if vms.tools[slot] == Tools.NOT_INSTALLED:
        return
    vms.tools[slot] = Tools.NOT_RUNNING
    seconds = boot_s or fleet.between(fleet.tuning.durations.guest_boot, uuid, int(fleet.now_s))
    fleet.state.timers.set("tools", uuid, fleet.now_s + float(vms.boot_delay_s[slot]) + seconds)


def wait_in_setup(fleet: Fleet, slot: int) -> None:
    """The machine shows its firmware's setup: no guest runs until somebody resets it."""
    fleet.state.vms.hog[slot] = Hog.HALTED
    fleet.state.timers.cancel("tools", fleet.state.vm_ids.uuids[slot])


def tools_up(fleet: Fleet, uuid: str) -> None:
    """The guest has booted: tools answer and the address is known."""
    slot = fleet.state.vm_ids.find(uuid)
    vms = fleet.state.vms
    if slot >= 0 and vms.power[slot] == Power.ON and vms.tools[slot] == Tools.NOT_RUNNING:
        vms.tools[slot] = Tools.RUNNING
        _tell_tools(fleet, slot)


def _tell_tools(fleet: Fleet, slot: int) -> None:
    vms, uuid = fleet.state.vms, fleet.state.vm_ids.uuids[slot]
    vms.tools_told[slot] = 1
    address = address_of(int(vms.key[slot]), int(vms.link[slot]))
    fleet.emit(Happening.VM_TOOLS, uuid, tools=ToolsStatus.OK.value, ip=address)


def tell_address(fleet: Fleet, slot: int) -> None:
    """After a change of its adapters a guest whose tools run says at once where it can be reached."""
    vms = fleet.state.vms
    if vms.tools[slot] == Tools.RUNNING and not vms.tools_told[slot]:
        _tell_tools(fleet, slot)


def stop(fleet: Fleet, slot: int, cause: str, op_id: str = "", power: Power = Power.OFF) -> None:
    """The VM no longer runs."""
    vms = fleet.state.vms
    fleet.set_power(slot, power)
    fleet.state.timers.cancel("tools", fleet.state.vm_ids.uuids[slot])
    if vms.tools[slot] == Tools.RUNNING:
        vms.tools[slot] = Tools.NOT_RUNNING
    tell_power(fleet, slot, cause, op_id)


def tell_power(fleet: Fleet, slot: int, cause: str, op_id: str = "") -> None:
    vms = fleet.state.vms
    power = POWER[Power(int(vms.power[slot]))]
    host = fleet.state.host_ids.uuids[vms.host[slot]]
    fleet.emit(
        Happening.VM_POWER, fleet.state.vm_ids.uuids[slot], op_id, power=power.value, cause=cause, host=host,
        swap_bytes=int(vms.swap_bytes[slot]), boot_s=float(vms.boot_s[slot]),
    )  # fmt: skip


def tell_sizes(fleet: Fleet, slot: int) -> None:
    """Report the sizes of a VM's files."""
    state, vms, uuid = fleet.state, fleet.state.vms, fleet.state.vm_ids.uuids[slot]
    disks = {str(int(state.disks.key[r])): int(state.disks.used_bytes[r]) for r in fleet.disks_of(slot)}
    snapshots: dict[str, int] = {}
    tree = state.snapshots.get(uuid)
    for node in tree.nodes.values() if tree else ():
        live = float(vms.delta_bytes[slot]) if tree is not None and node.id == tree.current else 0.0
        snapshots[node.id] = int(node.bytes + node.image_bytes + live)
    vms.reported_bytes[slot] = sum(disks.values()) + sum(snapshots.values())
    fleet.emit(
        Happening.VM_SIZES, uuid, disks=disks, snapshots=snapshots, swap_bytes=int(vms.swap_bytes[slot]),
    )  # fmt: skip


def report_growth(fleet: Fleet, tick: int) -> None:
    """Every VM's sizes are looked at once per reporting period, spread over its ticks, and told if they grew by 1 %."""
    vms, disks = fleet.state.vms, fleet.state.disks
    period = fleet.tuning.physics.sizes_report_ticks
    live = np.flatnonzero(disks.exists)
    size = np.bincount(disks.vm[live], disks.used_bytes[live], vms.size) + vms.delta_bytes
    for uuid, tree in fleet.state.snapshots.items():
        size[fleet.vm(uuid)] += tree.total_bytes()
    due = np.arange(tick % period, vms.size, period)
    for slot in due[size[due] > 1.01 * vms.reported_bytes[due] + 2**20].tolist():
        tell_sizes(fleet, slot)


def report_tools(fleet: Fleet) -> None:
    """Guests found running, or at another address, are told bit by bit: a large fleet does not arrive in one heap."""
    vms = fleet.state.vms
    for slot in np.flatnonzero((vms.tools == Tools.RUNNING) & (vms.tools_told == 0))[:TOLD_PER_TICK].tolist():
        _tell_tools(fleet, slot)
