"""Performance counters with the keys of a real vCenter, and the order of the rows in every sample array."""

from __future__ import annotations

from dataclasses import dataclass

REALTIME_S = 20


@dataclass(frozen=True, slots=True)
class Interval:
    """A historical interval: one value per `sampling_s`, kept for `length_s`."""

    key: int
    name: str
    sampling_s: int
    length_s: int

    @property
    def points(self) -> int:
        return self.length_s // self.sampling_s


REALTIME = Interval(0, "realtime", REALTIME_S, 3600)
INTERVALS = (
    REALTIME,
    Interval(1, "day", 300, 86_400),
    Interval(2, "week", 1_800, 604_800),
    Interval(3, "month", 7_200, 2_592_000),
    Interval(4, "year", 86_400, 31_536_000),
)


@dataclass(frozen=True, slots=True)
class Counter:
    """`rollup` is how samples combine: average -> mean, summation -> sum, latest -> last. Percent is 1/100 %."""

    key: int
    group: str
    name: str
    rollup: str
    unit: str  # percent (1/100 %), MHz, ms, KB, KBps, number, W, J, s

    @property
    def id(self) -> str:
        return f"{self.group}.{self.name}.{self.rollup}"


# How the physical model splits I/O: of what disks do, this much is written; of network traffic, this much comes in.
WRITE_RATIO = 0.3
RECEIVE_RATIO = 0.4
IO_KIB = 16.0  # mean size of one I/O
WRITE_LATENCY_RATIO = 1.2  # of what a read takes

COUNTERS = {
    c.key: c
    for c in (
        Counter(2, "cpu", "usage", "average", "percent"),
        Counter(6, "cpu", "usagemhz", "average", "MHz"),
        Counter(12, "cpu", "ready", "summation", "ms"),
        Counter(398, "cpu", "demand", "average", "MHz"),
        Counter(397, "cpu", "entitlement", "latest", "MHz"),
        Counter(399, "cpu", "costop", "summation", "ms"),
        Counter(400, "cpu", "maxlimited", "summation", "ms"),
        Counter(395, "cpu", "totalCapacity", "average", "MHz"),
        Counter(278, "cpu", "totalmhz", "average", "MHz"),
        Counter(24, "mem", "usage", "average", "percent"),
        Counter(33, "mem", "active", "average", "KB"),
        Counter(98, "mem", "consumed", "average", "KB"),
        Counter(29, "mem", "granted", "average", "KB"),
        Counter(90, "mem", "vmmemctl", "average", "KB"),
        Counter(70, "mem", "swapped", "average", "KB"),
        Counter(49, "mem", "swapused", "average", "KB"),
        Counter(105, "mem", "compressed", "average", "KB"),
        Counter(422, "mem", "latency", "average", "percent"),
        Counter(68, "mem", "state", "latest", "number"),
        Counter(143, "net", "usage", "average", "KBps"),
        Counter(125, "disk", "usage", "average", "KBps"),
        Counter(133, "disk", "maxTotalLatency", "latest", "ms"),
        Counter(155, "sys", "uptime", "latest", "s"),
        Counter(157, "power", "power", "average", "W"),
        Counter(159, "power", "energy", "summation", "J"),
        Counter(276, "clusterServices", "effectivecpu", "average", "MHz"),
        Counter(277, "clusterServices", "effectivemem", "average", "MB"),
        Counter(281, "disk", "used", "latest", "KB"),
        Counter(282, "disk", "provisioned", "latest", "KB"),
        Counter(283, "disk", "capacity", "latest", "KB"),
        Counter(178, "datastore", "numberReadAveraged", "average", "number"),
        Counter(179, "datastore", "numberWriteAveraged", "average", "number"),
        Counter(182, "datastore", "totalReadLatency", "average", "ms"),
        Counter(183, "datastore", "totalWriteLatency", "average", "ms"),
        Counter(13, "cpu", "idle", "summation", "ms"),
        Counter(14, "cpu", "used", "summation", "ms"),
        Counter(11, "cpu", "wait", "summation", "ms"),
        Counter(404, "cpu", "readiness", "average", "percent"),
        Counter(85, "mem", "swapinRate", "average", "KBps"),
        Counter(86, "mem", "swapoutRate", "average", "KBps"),
        Counter(102, "mem", "overhead", "average", "KB"),
        Counter(37, "mem", "shared", "average", "KB"),
        Counter(148, "net", "received", "average", "KBps"),
        Counter(149, "net", "transmitted", "average", "KBps"),
        Counter(130, "disk", "read", "average", "KBps"),
        Counter(131, "disk", "write", "average", "KBps"),
        Counter(156, "sys", "heartbeat", "summation", "number"),
        Counter(215, "clusterServices", "cpufairness", "latest", "number"),
        Counter(216, "clusterServices", "memfairness", "latest", "number"),
        Counter(280, "clusterServices", "failover", "latest", "number"),
        Counter(256, "vmop", "numPoweron", "latest", "number"),
        Counter(257, "vmop", "numPoweroff", "latest", "number"),
        Counter(273, "vmop", "numVMotion", "latest", "number"),
        Counter(274, "vmop", "numSVMotion", "latest", "number"),
    )
}

# Row order of the sample arrays float32[len(rows), slots]; column = the entity's slot; NaN = no sample.
VM_ROWS = (2, 6, 12, 398, 397, 399, 400, 24, 33, 98, 29, 90, 70, 105, 422, 143, 125, 133, 155, 156, 157, 281, 282, 283)
HOST_ROWS = (2, 6, 12, 395, 24, 33, 98, 29, 90, 49, 105, 68, 143, 125, 133, 155, 157, 159, 215, 216)
DATASTORE_ROWS = (281, 282, 283, 178, 179, 182, 183, 125)
POOL_ROWS = (6, 398, 33, 98, 29)
OPERATIONS = (256, 257, 273, 274)  # counted since the cluster was made
CLUSTER_ROWS = (2, 6, 278, 276, 24, 33, 98, 277, 12, 157, 159, 215, 216, 280, *OPERATIONS)
ROWS = {"vm": VM_ROWS, "host": HOST_ROWS, "datastore": DATASTORE_ROWS, "pool": POOL_ROWS, "cluster": CLUSTER_ROWS}

# Counters that follow from stored ones and from what is known of the object: they take no space, and are worked out
# when somebody looks. Their sources, by kind of entity.
_RATES = {148: (143,), 149: (143,), 130: (125,), 131: (125,)}
COMPUTED: dict[str, dict[int, tuple[int, ...]]] = {
    "vm": {
        14: (2,), 13: (125, 133, 2, 12, 399), 11: (2, 12, 399), 404: (12,), 102: (98,), 37: (29, 98, 90, 70, 105),
        85: (70,), 86: (70,), 159: (157,), 178: (125,), 179: (125,), 182: (133,), 183: (133,), **_RATES,
    },
    "host": {14: (2,), 13: (2,), 85: (49,), 86: (49,), 178: (125,), 179: (125,), **_RATES},
}  # fmt: skip

# Kinds of entities without any series of their own: sums over the entities of another kind that lie in them. Shares
# and indices do not add up, so that there are none.
SUMMED: dict[str, tuple[str, tuple[int, ...]]] = {
    "datacenter": ("cluster", (6, 278, 276, 98, 33, 277, 12, 157, 159, *OPERATIONS)),
}


def keys_of(kind: str) -> tuple[int, ...]:
    """Every counter of a kind of entity: those that are stored, then those that are worked out."""
    if kind in SUMMED:
        return SUMMED[kind][1]
    return (*ROWS[kind], *COMPUTED.get(kind, ()))


def row(kind: str, key: int) -> int:
    """Index of a counter's row in the arrays of that kind of entity."""
    return ROWS[kind].index(key)
