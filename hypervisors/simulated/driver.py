"""The simulated fleet behind the port: load, advance, save, under the lease of whoever polls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.specs import Inventory
from domain.states import VmPower
from domain.traces import TraceSet
from hypervisors.port import Capabilities, Command, FleetLost, Job, JobState, Poll
from hypervisors.simulated import adopt, commands, engine, guests, views
from hypervisors.simulated.state import FleetState, StateFormatError, peek
from hypervisors.simulated.store import FleetStore
from hypervisors.simulated.tables import Power
from hypervisors.simulated.tuning import DEFAULT_TUNING, Tuning


class LeaseLost(RuntimeError):
    """Someone with a newer token has polled this fleet: nothing was changed, and this holder must stop."""


class SimulatedDriver:
    """A `hypervisors.port.Driver` whose fleet is a blob in a store.

    token: the fencing token of the caller's lease, larger for every later holder; needed only by `poll` and `rebuild`.
        A driver with a token belongs to one holding of the lease: make a new one for the next.
    traces: recorded traces by set name; a VM's `WorkloadSpec.trace` is `set/name`.
    """

    def __init__(
        self, store: FleetStore, token: int = 0, traces: Mapping[str, TraceSet] | None = None,
        tuning: Tuning = DEFAULT_TUNING,
    ) -> None:  # fmt: skip
        self.store, self.token, self.tuning = store, token, tuning
        self.traces = dict(traces or {})
        self._blob: bytes | None = None  # what this holder of the lease has loaded or saved

    @property
    def version(self) -> int:
        return self._peek("version", -1)

    @property
    def last_seq(self) -> int:
        return self._peek("seq", 0)

    @property
    def now_s(self) -> float:
        header = self._header()
        return float(header["now_s"]) if header else 0.0

    @property
    def has_pending(self) -> bool:
        return bool(self.store.pending())

    def capabilities(self) -> Capabilities:
        return Capabilities()

    def start(self, commands_: Sequence[Command]) -> None:
        """Append the commands durably; they are carried out by the first `poll` that reaches their time."""
        if commands_:
            self.store.push([commands.encode(c) for c in commands_])

    def poll(self, until_s: float) -> Poll:
        """Advance to `until_s` or as far as one call goes (`Poll.now_s` tells), and do on the way what is pending.

        `events`: everything not acknowledged, oldest first, so that a poll whose answer was lost loses nothing.
        `jobs`: every active job, those whose end has not been acknowledged, and those whose time has not come.
        Raises FleetLost, LeaseLost.
        """
        state = self._load()
        pending = [commands.decode(p) for p in self.store.pending()]
        result = engine.advance(state, until_s, pending, self.traces, self.tuning)
        self._save(result.state, result.carried_out)
        after, later = result.state, pending[result.carried_out :]
        jobs = views.jobs(after, self.tuning) + tuple(_waiting(c) for c in later if c.op_id)
        return Poll(after.now_s, result.samples, tuple(after.outbox), jobs)

    def acknowledge(self, seq: int) -> None:
        """Durable at once, carried out by the next `poll`."""
        self.start([Command(commands.ACKNOWLEDGE, "", {"seq": seq})])

    def rebuild(self, inventory: Inventory) -> None:
        """Adopt the inventory's description; without a readable state start afresh from it. Raises LeaseLost."""
        try:
            state: FleetState | None = self._load()
        except FleetLost:
            state = None
        self._save(adopt.rebuild(state, inventory, self.traces, self.tuning), 0)

    def job(self, op_id: str) -> Job | None:
        """The operation as of the last poll; queued if its command has not been looked at; None if nobody knows it."""
        try:
            known = views.job(self._load(), op_id, self.tuning)
        except FleetLost:
            known = None
        if known is not None:
            return known
        waiting = (commands.decode(p) for p in self.store.pending())
        return next((_waiting(c) for c in waiting if c.op_id == op_id), None)

    def whereabouts(self) -> Mapping[str, tuple[str, VmPower]]:
        """Host and power state of every VM, by uuid, as of the last poll. Raises FleetLost."""
        state = self._load()
        hosts, vms = state.host_ids.uuids, state.vms
        return {
            uuid: (hosts[int(vms.host[slot])], guests.POWER[Power(int(vms.power[slot]))])
            for slot, uuid in enumerate(state.vm_ids.uuids)
            if uuid
        }

    def _peek(self, name: str, missing: int) -> int:
        header = self._header()
        return int(header[name]) if header else missing

    def _stored(self) -> bytes | None:
        """The state; the holder of the lease reads it once, for nobody else may change it."""
        if self._blob is None or not self.token:
            self._blob = self.store.load()
        return self._blob

    def _header(self) -> Mapping[str, float] | None:
        blob = self._stored()
        try:
            return None if blob is None else peek(blob)
        except StateFormatError:
            return None

    def _load(self) -> FleetState:
        blob = self._stored()
        if blob is None:
            raise FleetLost("no state")
        try:
            return FleetState.from_bytes(blob)
        except (StateFormatError, ValueError, KeyError, IndexError) as error:  # foreign, old, or cut short
            raise FleetLost(str(error)) from error

    def _save(self, state: FleetState, consumed: int) -> None:
        blob = state.to_bytes()
        if not self.store.save(blob, self.token, consumed):
            self._blob = None
            raise LeaseLost(f"token {self.token} is stale")
        self._blob = blob


def _waiting(command: Command) -> Job:
    """The operation of a command that the fleet has not come to yet."""
    return Job(command.op_id, command.kind, command.target, JobState.QUEUED)
