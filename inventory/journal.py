"""One change of the inventory: rows, events, facts and fleet commands belong together or do not happen.

`with changing(vc, user) as change:` opens a transaction. Events are written at its end; facts are published and
commands handed to the fleet after it has committed. A lost push costs a page its freshness for a
moment; a lost command is noticed by its configuration version or by its task's lease.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from domain import faults
from domain.events import EVENTS
from hypervisors.port import Command
from inventory import fleet, ids, live
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Event,
    EventLink,
    Folder,
    Host,
    Network,
    ResourcePool,
    Task,
    VCenter,
    VirtualMachine,
)

Fact = tuple[Any, ...]

# The field of an event's template, and the key in `Event.related`, for each kind of object.
ROLE_OF: dict[type, str] = {
    VirtualMachine: "vm",
    Host: "host",
    Cluster: "cluster",
    ResourcePool: "pool",
    Datastore: "datastore",
    Network: "network",
    Datacenter: "datacenter",
    Folder: "folder",
}


class Change:
    """What one transaction has to say. Not reusable."""

    def __init__(self, vcenter: VCenter, user: Any = None, lab_s: float | None = None) -> None:
        self.vcenter = vcenter
        self.user = user
        self.lab_s = vcenter.lab_seconds() if lab_s is None else lab_s
        self.facts: dict[Fact, None] = {}
        self.commands: list[Command] = []
        self._events: list[tuple[Event, list[str]]] = []

    @property
    def user_name(self) -> str:
        return self.user.get_username() if self.user else ""

    def event(self, event: str, entity: Any, /, *others: Any, task: Task | None = None, **fields: Any) -> None:
        """Note an event about `entity`; `others` are objects that it also concerns. Names become template fields."""
        objects = {ROLE_OF.get(type(o), "name"): o for o in (*others, entity)}
        related = {role: [o.moref, o.name] for role, o in objects.items()}
        names = {role: o.name for role, o in objects.items()}
        row = Event(
            vcenter=self.vcenter,
            type=event,
            category=EVENTS[event].category,
            lab_s=self.lab_s,
            user_name=(task.initiator_name if task else self.user_name),
            entity=entity.moref,
            entity_name=entity.shown_name[:80],
            related=related,
            fields={"name": entity.name, "user": self.user_name or "System", **names, **fields},
            task=task,
            chain_id=task.chain_id if task else 0,
        )
        self._events.append((row, [o.moref for o in others]))

    def fact(self, *fact: Any) -> None:
        """Something that pages want to know: ("object.changed", moref), ("task.changed", id), …"""
        self.facts[fact] = None

    def changed(self, *objects: Any) -> None:
        for one in objects:
            self.fact("object.changed", one.moref)

    def command(self, command: Command) -> None:
        self.commands.append(command)

    def configure(self, kind: str, target: Any, **args: Any) -> None:
        """A change of the fleet's description, stamped with the configuration version it leads to."""
        version = ids.next_config_version(self.vcenter)
        self.command(Command(kind=str(kind), target=str(target), args=args, version=version))

    def write(self) -> None:
        """End the change.

        Raises:
            LabRewound: the lab was rewound since the caller read it, so that what it wrote belongs to another past.
        """
        if not fleet.present(self.vcenter):
            raise faults.LabRewound(name=self.vcenter.name)
        self._write_events()
        transaction.on_commit(self._after_commit)

    def _write_events(self) -> None:
        if not self._events:
            return
        keys = ids.new_event_keys(self.vcenter, len(self._events))
        for (event, _links), key in zip(self._events, keys, strict=True):
            event.key = key
            event.chain_id = event.chain_id or key
        Event.objects.bulk_create([event for event, _links in self._events])
        links = [
            EventLink(event=event, vcenter=self.vcenter, moref=moref)
            for event, linked in self._events
            for moref in dict.fromkeys(linked)
            if moref != event.entity
        ]
        EventLink.objects.bulk_create(links)
        self.fact("events.added")

    def _after_commit(self) -> None:
        if self.commands:
            fleet.send(self.vcenter, self.commands, self.lab_s)
        if self.facts:
            live.publish(self.vcenter, list(self.facts))


@contextmanager
def changing(vcenter: VCenter, user: Any = None, lab_s: float | None = None) -> Iterator[Change]:
    """A transaction with its events, facts and commands; an exception inside takes all of them back."""
    with transaction.atomic():
        change = Change(vcenter, user, lab_s)
        yield change
        change.write()


def related_names(event: Event) -> Sequence[tuple[str, str, str]]:
    """(role, moref, name) of everything the event concerns."""
    return [(role, moref, name) for role, (moref, name) in event.related.items()]
