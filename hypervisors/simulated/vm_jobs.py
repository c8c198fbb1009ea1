"""Operations on virtual machines: define, change, power, and their removal. Faults are vSphere's."""

from __future__ import annotations

from collections.abc import Mapping

from domain import faults
from domain.specs import VmSpec, vm_from_plain
from domain.states import DiskProvisioning
from hypervisors.port import Happening, Op
from hypervisors.simulated import describe, guests, jobs
from hypervisors.simulated.fleet import Fleet, swap_file_bytes
from hypervisors.simulated.jobs import OPERATIONS, Operation, lasting
from hypervisors.simulated.records import JobRecord
from hypervisors.simulated.tables import Power, Tools

MIB = float(2**20)


def spec_of(job: JobRecord) -> VmSpec:
    return vm_from_plain(job.args["spec"])


def _host_of(fleet: Fleet, job: JobRecord) -> int:
    """The host that the operation names, else where the VM is."""
    uuid = job.args.get("host")
    return fleet.host(str(uuid)) if uuid else int(fleet.state.vms.host[fleet.vm(job.target)])


def _need_power(fleet: Fleet, slot: int, *allowed: Power, requested: Power) -> None:
    power = Power(int(fleet.state.vms.power[slot]))
    if power not in allowed:
        raise faults.InvalidPowerState(
            name=fleet.vm_name(slot), existingState=guests.POWER[power].value,
            requestedState=guests.POWER[requested].value,
        )  # fmt: skip


# --- define, undefine ---
def claim_disks(fleet: Fleet, job: JobRecord, spec: VmSpec, used: Mapping[int, float] | None = None) -> float:
    """Claim the space that new disks take at once, thin ones `used` by key (or the spec's); returns bytes to zero."""
    claim: dict[str, float] = {}
    zeroed = 0.0
    for disk in spec.disks:
        store = str(describe.datastore(fleet, disk.datastore))
        thin = disk.provisioning == DiskProvisioning.THIN
        claim[store] = claim.get(store, 0.0) + (
            (used or {}).get(disk.key, float(disk.used_bytes)) if thin else disk.capacity_bytes
        )
        zeroed += disk.capacity_bytes if disk.provisioning == DiskProvisioning.THICK_EAGER else 0
    for store, size in claim.items():
        fleet.need_space(int(store), size)
    job.work["bytes"] = claim
    return zeroed


def _begin_define(fleet: Fleet, job: JobRecord) -> None:
    spec, host = spec_of(job), _host_of(fleet, job)
    fleet.need_host(host)
    if fleet.state.vm_ids.find(spec.uuid) >= 0:
        return jobs.done(fleet, job, host=fleet.state.host_ids.uuids[host])  # it is there already
    describe.need_slot(fleet, spec)
    zeroed = claim_disks(fleet, job, spec)
    job.hosts = (host,)
    seconds = lasting(fleet, job, fleet.tuning.durations.define_vm)
    if zeroed:
        seconds += zeroed / MIB / fleet.bandwidth_mibps(describe.datastore(fleet, spec.disks[0].datastore))
    jobs.enter(fleet, job, "creating", seconds)


def _end_define(fleet: Fleet, job: JobRecord) -> None:
    spec, host = spec_of(job), job.hosts[0]
    slot = describe.put_vm(fleet, spec, host)
    job.work = {}
    guests.tell_sizes(fleet, slot)
    jobs.done(fleet, job, host=fleet.state.host_ids.uuids[host])


def _begin_undefine(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    _need_power(fleet, slot, Power.OFF, requested=Power.OFF)
    jobs.enter(fleet, job, "deleting", lasting(fleet, job, fleet.tuning.durations.undefine_vm))


def _end_undefine(fleet: Fleet, job: JobRecord) -> None:
    describe.drop_vm(fleet, fleet.vm(job.target), keep_files=not job.args.get("delete_files", True))
    jobs.done(fleet, job)


# --- reconfigure ---
def _begin_reconfigure(fleet: Fleet, job: JobRecord) -> None:
    slot, spec = fleet.vm(job.target), spec_of(job)
    if fleet.state.vms.power[slot] == Power.ON:
        _need_hot(fleet, slot, spec)
        _need_raise(fleet, slot, spec)
    _claim_growth(fleet, job, slot, spec)
    jobs.enter(fleet, job, "reconfiguring", lasting(fleet, job, fleet.tuning.durations.reconfigure_vm))


def _need_hot(fleet: Fleet, slot: int, spec: VmSpec) -> None:
    """What a running VM lets itself be changed."""
    vms, name = fleet.state.vms, spec.name
    more, fewer = spec.vcpus > vms.vcpus[slot], spec.vcpus < vms.vcpus[slot]
    if (more and not spec.cpu_hot_add) or (fewer and not spec.cpu_hot_remove):
        raise faults.CpuHotPlugNotSupported(name=name)
    if spec.memory_mib < vms.memory_mib[slot]:
        raise faults.MemoryHotPlugNotSupported(name=name, reason="memory cannot shrink")
    if spec.memory_mib > vms.memory_mib[slot] and not spec.memory_hot_add:
        raise faults.MemoryHotPlugNotSupported(name=name, reason="memory hot add is off")


def _need_raise(fleet: Fleet, slot: int, spec: VmSpec) -> None:
    """A higher reservation must still fit on the host."""
    vms, host = fleet.state.vms, int(fleet.state.vms.host[slot])
    capacity, reserved = fleet.capacity(host), fleet.reserved(host)
    more = (
        spec.cpu.reservation - float(vms.cpu_reservation_mhz[slot]),
        spec.memory.reservation - float(vms.mem_reservation_mib[slot]),
    )
    name = fleet.host_name(host)
    if more[0] > 0 and more[0] > capacity[0] - reserved[0]:
        raise faults.InsufficientHostCpuCapacityFault(
            host=name, unreserved=int(capacity[0] - reserved[0]), requested=int(more[0])
        )
    if more[1] > 0 and more[1] > capacity[1] - reserved[1]:
        raise faults.InsufficientHostMemoryCapacityFault(
            host=name, unreserved=int(capacity[1] - reserved[1]), requested=int(more[1])
        )


def _claim_growth(fleet: Fleet, job: JobRecord, slot: int, spec: VmSpec) -> None:
    """Space for disks that are new, or thick and larger."""
    disks = fleet.state.disks
    known = {int(disks.key[row]): row for row in fleet.disks_of(slot)}
    claim: dict[str, float] = {}
    for disk in spec.disks:
        row = known.get(disk.key, -1)
        if row >= 0 and disk.capacity_bytes < disks.capacity_bytes[row]:
            raise faults.InvalidDeviceSpec(device=disk.label, reason="a disk cannot shrink")
        thin = disk.provisioning == DiskProvisioning.THIN
        before = float(disks.capacity_bytes[row]) if row >= 0 else 0.0
        store = str(describe.datastore(fleet, disk.datastore))
        claim[store] = claim.get(store, 0.0) + (0.0 if thin else disk.capacity_bytes - before)
    for store, size in claim.items():
        if size > 0:
            fleet.need_space(int(store), size)
    job.work["bytes"] = claim


def _end_reconfigure(fleet: Fleet, job: JobRecord) -> None:
    slot, vms = fleet.vm(job.target), fleet.state.vms
    describe.put_vm(fleet, spec_of(job), int(vms.host[slot]))
    if vms.power[slot] == Power.ON:
        vms.swap_bytes[slot] = swap_file_bytes(float(vms.memory_mib[slot]), float(vms.mem_reservation_mib[slot]))
    job.work = {}
    guests.tell_address(fleet, slot)
    guests.tell_sizes(fleet, slot)
    jobs.done(fleet, job)


# --- power ---
def _begin_power_on(fleet: Fleet, job: JobRecord) -> None:
    slot, host = fleet.vm(job.target), _host_of(fleet, job)
    _need_power(fleet, slot, Power.OFF, Power.SUSPENDED, requested=Power.ON)
    if fleet.state.vms.template[slot]:
        raise faults.InvalidState(name=fleet.vm_name(slot), reason="it is a template")
    fleet.need_host(host)
    if fleet.state.hosts.maintenance[host]:
        raise faults.InvalidHostState(host=fleet.host_name(host), state="in maintenance mode")
    fleet.need_files(host, slot)
    fleet.need_room(host, slot)
    _claim_swap(fleet, job, slot)
    job.work["claim"], job.hosts = [host, slot], (host,)
    durations = fleet.tuning.durations
    resume = fleet.state.vms.power[slot] == Power.SUSPENDED
    jobs.enter(fleet, job, "powering on", lasting(fleet, job, durations.resume if resume else durations.power_on))


def _claim_swap(fleet: Fleet, job: JobRecord, slot: int) -> None:
    vms, home = fleet.state.vms, int(fleet.state.vms.home[slot])
    size = swap_file_bytes(float(vms.memory_mib[slot]), float(vms.mem_reservation_mib[slot]))
    if home >= 0 and size > 0:
        fleet.need_space(home, size)
        job.work["bytes"] = {str(home): size}


def _end_power_on(fleet: Fleet, job: JobRecord) -> None:
    slot, host = fleet.vm(job.target), job.hosts[0]
    job.work = {}
    if fleet.state.vms.power[slot] == Power.SUSPENDED:
        wake_guest(fleet, slot, host, job.op_id)
    else:
        guests.start(fleet, slot, host, "op", job.op_id, float(job.args.get("boot_s") or 0.0))
        if job.args.get("setup"):
            guests.wait_in_setup(fleet, slot)
    jobs.done(fleet, job, host=fleet.state.host_ids.uuids[host])


def wake_guest(fleet: Fleet, slot: int, host: int, op_id: str) -> None:
    """A suspended guest goes on where it stood."""
    vms = fleet.state.vms
    vms.host[slot] = host
    fleet.set_power(slot, Power.ON)
    vms.image_bytes[slot] = 0.0
    vms.swap_bytes[slot] = swap_file_bytes(float(vms.memory_mib[slot]), float(vms.mem_reservation_mib[slot]))
    guests.tell_power(fleet, slot, "op", op_id)
    if vms.tools[slot] != Tools.NOT_INSTALLED:
        guests.tools_up(fleet, fleet.state.vm_ids.uuids[slot])


def _need_agent(fleet: Fleet, job: JobRecord, slot: int) -> None:
    """The VM's host can act: it is reachable, or (`by_agent`) its own agent acts although the network is lost."""
    host = int(fleet.state.vms.host[slot])
    if job.args.get("by_agent") and not fleet.state.hosts.hung[host]:
        return
    fleet.need_host(host)


def _begin_power_off(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    _need_power(fleet, slot, Power.ON, Power.SUSPENDED, requested=Power.OFF)
    if fleet.state.vms.power[slot] == Power.ON:
        _need_agent(fleet, job, slot)
        job.hosts = (int(fleet.state.vms.host[slot]),)
    jobs.enter(fleet, job, "powering off", lasting(fleet, job, fleet.tuning.durations.power_off))


def _end_power_off(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    stop_unless_off(fleet, slot, job.op_id)
    jobs.done(fleet, job)


def stop_unless_off(fleet: Fleet, slot: int, op_id: str) -> None:
    """Off, whatever it was; a memory image goes."""
    fleet.state.vms.image_bytes[slot] = 0.0
    if fleet.state.vms.power[slot] != Power.OFF:
        guests.stop(fleet, slot, "op", op_id)


def _begin_suspend(fleet: Fleet, job: JobRecord) -> None:
    """Write the memory image. A VM on the move stands still at once and is suspended where the move leaves it."""
    slot, vms = fleet.vm(job.target), fleet.state.vms
    _need_power(fleet, slot, Power.ON, requested=Power.SUSPENDED)
    if any(move.vm == slot for move in fleet.state.moves.values()):
        vms.paused[slot], job.cancelable = 1, False
        jobs.show(fleet, job, "waiting for the move", 0.0)
        return
    host, home = int(vms.host[slot]), int(vms.home[slot])
    fleet.need_host(host)
    size, seconds = float(vms.memory_mib[slot]), lasting(fleet, job, fleet.tuning.durations.suspend)
    if home >= 0:
        fleet.need_files(host, slot)
        fleet.need_space(home, size * MIB - float(vms.swap_bytes[slot]))
        job.work["bytes"] = {str(home): max(0.0, size * MIB - float(vms.swap_bytes[slot]))}
        seconds += float(vms.touched_mib[slot]) / fleet.bandwidth_mibps(home)
    job.hosts = (host,)
    jobs.enter(fleet, job, "suspending", seconds)


def _end_suspend(fleet: Fleet, job: JobRecord) -> None:
    slot, vms = fleet.vm(job.target), fleet.state.vms
    job.work = {}
    vms.image_bytes[slot] = float(vms.memory_mib[slot]) * MIB
    guests.stop(fleet, slot, "op", job.op_id, Power.SUSPENDED)
    jobs.done(fleet, job)


def _undo_suspend(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.state.vm_ids.find(job.target)
    if slot >= 0:
        fleet.state.vms.paused[slot] = 0


def _begin_reset(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    _need_power(fleet, slot, Power.ON, requested=Power.ON)
    fleet.need_host(int(fleet.state.vms.host[slot]))
    job.hosts = (int(fleet.state.vms.host[slot]),)
    jobs.enter(fleet, job, "resetting", lasting(fleet, job, fleet.tuning.durations.reset))


def reboot(fleet: Fleet, slot: int) -> None:
    """The guest starts again on the same host."""
    vms = fleet.state.vms
    vms.boot_s[slot] = fleet.now_s
    vms.hog[slot] = 0
    guests.await_tools(fleet, slot)
    fleet.emit(Happening.VM_TOOLS, fleet.state.vm_ids.uuids[slot], tools="toolsNotRunning", ip="")


def _end_reset(fleet: Fleet, job: JobRecord) -> None:
    reboot(fleet, fleet.vm(job.target))
    jobs.done(fleet, job)


def _begin_guest_stop(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    _need_power(fleet, slot, Power.ON, requested=Power.ON)
    _need_agent(fleet, job, slot)
    _need_tools(fleet, slot)
    job.hosts = (int(fleet.state.vms.host[slot]),)
    jobs.enter(fleet, job, "guest shutting down", lasting(fleet, job, fleet.tuning.durations.guest_shutdown))
    job.cancelable = False


def _need_tools(fleet: Fleet, slot: int) -> None:
    if fleet.state.vms.tools[slot] != Tools.RUNNING:
        raise faults.ToolsUnavailable(name=fleet.vm_name(slot))


def _end_guest_shutdown(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    _need_tools(fleet, slot)  # a guest that has crashed meanwhile does not shut down
    guests.stop(fleet, slot, "guest", job.op_id)
    jobs.done(fleet, job)


def _end_guest_reboot(fleet: Fleet, job: JobRecord) -> None:
    _need_tools(fleet, fleet.vm(job.target))
    _end_reset(fleet, job)


OPERATIONS.update({
    Op.DEFINE_VM: Operation(_begin_define, _end_define),
    Op.UNDEFINE_VM: Operation(_begin_undefine, _end_undefine),
    Op.RECONFIGURE_VM: Operation(_begin_reconfigure, _end_reconfigure),
    Op.POWER_ON: Operation(_begin_power_on, _end_power_on),
    Op.RESUME: Operation(_begin_power_on, _end_power_on),
    Op.POWER_OFF: Operation(_begin_power_off, _end_power_off),
    Op.SUSPEND: Operation(_begin_suspend, _end_suspend, _undo_suspend),
    Op.RESET: Operation(_begin_reset, _end_reset),
    Op.SHUTDOWN_GUEST: Operation(_begin_guest_stop, _end_guest_shutdown),
    Op.REBOOT_GUEST: Operation(_begin_guest_stop, _end_guest_reboot),
})  # fmt: skip
