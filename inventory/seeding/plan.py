"""What is to be made, and what its parts share while it is made."""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inventory.models import (
    Cluster,
    Datastore,
    Folder,
    Network,
    ResourcePool,
)

BATCH = 2_000  # rows of one transaction
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make. `models` are server models taken in turn; `powered_on_ratio` of the VMs run."""

    hosts: int = 8
    vms: int = 120
    seed: int = 1
    name: str = "vcenter-01.lab"
    datacenter: str = "Seoul-DC"
    models: tuple[str, ...] = ("lab-1u",)
    hosted: int = 1  # standalone hosts with a hosted (type 2) hypervisor
    powered_on_ratio: float = 0.9
    traces: Sequence[str] = field(default_factory=tuple)
    trace_scale: float = 1.0
    drs: bool = True
    dpm: bool = False
    shop: bool = False  # a vApp of three tiers, made of three of the VMs
    skew: float = 0.0  # 0 = VMs spread evenly over the hosts; 1 = the first hosts get far more


@dataclass(slots=True)
class Site:
    """A cluster with what its hosts share."""

    cluster: Cluster
    root: ResourcePool
    pools: list[ResourcePool]
    datastores: list[Datastore]
    networks: list[Network]
    folders: list[Folder]


def new_uuid(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)
