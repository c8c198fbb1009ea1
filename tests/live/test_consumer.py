"""A worker stays where its broker dies at a moment at which Celery's own would end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.worker.consumer import Consumer
from kombu import Connection
from kombu.transport import redis as transport

from tests.labs import wait_for
from vsphere_web.celery import app
from vsphere_web.consumer import SteadyConsumer
from vsphere_web.env import valkey_socket
from vsphere_web.supervisor import valkey
from vsphere_web.supervisor.processes import Child, Program


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Child]:
    """A Valkey of its own, to be killed."""
    socket = valkey_socket(tmp_path)
    valkey.prepare(socket, tmp_path / "valkey")
    command = valkey.command(valkey.find_server(), socket, tmp_path / "valkey")
    server = Child(Program(f"redis+socket://{socket}", command, {}, tmp_path / "valkey.log"), on_death=print)
    server.start()
    assert valkey.wait_until_it_answers(f"unix://{socket}", patience_s=120)
    yield server
    server.end(0)


def lost_connection(broker: Child) -> Connection:
    """A connection of two channels, with one job in hand, that asks for the next ones while its broker is killed."""
    connection = Connection(broker.program.name)
    channels: list[transport.Channel] = [connection.default_channel, connection.channel()]
    taken: list[object] = []
    for number, channel in enumerate(channels):
        channel.basic_qos(prefetch_count=2)
        queue = connection.SimpleQueue(f"queue-{number}", channel=channel)
        queue.put("a job")
        channel.basic_consume(queue.queue.name, no_ack=False, callback=taken.append, consumer_tag=f"tag-{number}")
    wait_for(lambda: connection.drain_events(timeout=10) or len(taken) == 2, "the jobs")
    for channel in channels:
        channel._brpop_start()
    broker.end(0)
    return connection


def consumer_of(kind: type[Consumer], connection: Connection) -> Consumer:
    """A consumer as it is when it learns of the loss; its pool and its loop have no part in that."""
    consumer = kind.__new__(kind)
    consumer.app, consumer.connection, consumer.qos_global = app, connection, False
    return consumer


def test_a_broker_that_dies_under_a_job_and_a_question_does_not_end_the_worker(broker: Child) -> None:
    consumer = consumer_of(SteadyConsumer, lost_connection(broker))
    consumer.on_connection_error_after_connected(ConnectionError("Connection closed by server."))
    assert consumer.connection is None
