"""Commands: their durable form, and the configuration changes, which take effect at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from domain.faults import MethodFault
from domain.specs import FaultRates, datastore_from_plain, host_from_plain, pool_from_plain, vm_from_plain
from domain.states import VmPower
from hypervisors.port import Command, Config, Op
from hypervisors.simulated import describe, faults, guests, hosts, jobs
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.jobs import MALFORMED
from hypervisors.simulated.tables import Power

ACKNOWLEDGE = "acknowledge"  # the driver's own: args {"seq": n}
_OPS = {op.value for op in Op}
Args = dict[str, Any]
Change = Callable[[Fleet, str, Args], None]


def encode(command: Command) -> bytes:
    plain = [command.kind, command.target, dict(command.args), command.op_id, command.version, command.at_s]
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()


def decode(data: bytes) -> Command:
    return Command(*json.loads(data))


def apply(fleet: Fleet, command: Command) -> None:
    """Carry out one command. A configuration change already adopted, or impossible, is dropped."""
    if command.kind in _OPS or command.op_id:
        jobs.accept(fleet, command)
        return
    if command.version and command.version <= fleet.state.version:
        return
    fleet.claims_changed()
    change = CHANGES.get(command.kind)
    if change is not None:
        # The inventory has checked: what is refused here is gone by now, or malformed, and must not stop the fleet.
        with contextlib.suppress(MethodFault, *MALFORMED):
            change(fleet, command.target, dict(command.args))
    if command.version == fleet.state.version + 1:  # after a gap the version stays behind, and the inventory rebuilds
        fleet.state.version = command.version


def _acknowledge(fleet: Fleet, target: str, args: Args) -> None:
    fleet.state.outbox = [e for e in fleet.state.outbox if e.seq > int(args["seq"])]
    jobs.prune(fleet)


def _remove_host(fleet: Fleet, target: str, args: Args) -> None:
    hosts.remove(fleet, fleet.host(target))


def _maintenance(fleet: Fleet, target: str, args: Args) -> None:
    fleet.state.hosts.maintenance[fleet.host(target)] = bool(args["on"])


def _host_connection(fleet: Fleet, target: str, args: Args) -> None:
    hosts.set_managed(fleet, fleet.host(target), bool(args["connected"]))


def _remove_pool(fleet: Fleet, target: str, args: Args) -> None:
    slot = fleet.state.pool_ids.find(target)
    if slot >= 0:
        describe.drop_pool(fleet, slot)


def _remove_datastore(fleet: Fleet, target: str, args: Args) -> None:
    describe.drop_datastore(fleet, describe.datastore(fleet, target))


def _register_vm(fleet: Fleet, target: str, args: Args) -> None:
    host = fleet.host(str(args["host"]))
    slot = describe.put_vm(fleet, vm_from_plain(args["spec"]), host)
    if VmPower(args.get("power", VmPower.OFF)) == VmPower.ON and fleet.state.vms.power[slot] != Power.ON:
        guests.start(fleet, slot, host, "op")
        guests.tools_up(fleet, target)


def _unregister_vm(fleet: Fleet, target: str, args: Args) -> None:
    slot = fleet.vm(target)
    if fleet.state.vms.power[slot] == Power.OFF and target not in fleet.busy():
        describe.drop_vm(fleet, slot, keep_files=True)


def _rename_vm(fleet: Fleet, target: str, args: Args) -> None:
    fleet.state.vm_ids.names[fleet.vm(target)] = str(args["name"])


def _move_vm(fleet: Fleet, target: str, args: Args) -> None:
    """To another pool; "" makes it a template, which is in none. One that does not run may change its host, too."""
    slot, vms = fleet.vm(target), fleet.state.vms
    vms.pool[slot] = fleet.state.pool_ids.find(str(args["pool"]))
    vms.template[slot] = not args["pool"]
    if args.get("host") and vms.power[slot] != Power.ON:
        vms.host[slot] = fleet.host(str(args["host"]))
    fleet.changed()


def _cancel(fleet: Fleet, target: str, args: Args) -> None:
    jobs.cancel(fleet, str(args["op_id"]), str(args.get("user", "")))


def _rates(fleet: Fleet, target: str, args: Args) -> None:
    fleet.state.rates = FaultRates(**args["rates"])


def _nothing(fleet: Fleet, target: str, args: Args) -> None:
    """Networks carry no dynamics: only the version moves on."""


CHANGES: dict[str, Change] = {
    ACKNOWLEDGE: _acknowledge,
    Config.HOST: lambda fleet, _, args: _ignore(describe.put_host(fleet, host_from_plain(args["spec"]))),
    Config.REMOVE_HOST: _remove_host,
    Config.MAINTENANCE: _maintenance,
    Config.HOST_CONNECTION: _host_connection,
    Config.INJECT: faults.inject,
    Config.POOL: lambda fleet, _, args: _ignore(describe.put_pool(fleet, pool_from_plain(args["spec"]))),
    Config.REMOVE_POOL: _remove_pool,
    Config.DATASTORE: lambda fleet, _, args: _ignore(describe.put_datastore(fleet, datastore_from_plain(args["spec"]))),
    Config.REMOVE_DATASTORE: _remove_datastore,
    Config.NETWORK: _nothing,
    Config.REMOVE_NETWORK: _nothing,
    Config.REGISTER_VM: _register_vm,
    Config.UNREGISTER_VM: _unregister_vm,
    Config.RENAME_VM: _rename_vm,
    Config.MOVE_VM: _move_vm,
    Config.CANCEL: _cancel,
    Config.RATES: _rates,
}


def _ignore(slot: int) -> None:
    """A change has no result."""
