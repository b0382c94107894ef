"""RabbitMQ and its queues."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pika
from django.conf import settings
from pika.exceptions import AMQPError, ChannelClosedByBroker

from messaging.backends.rabbitmq.connections import connect, reason
from messaging.broker import dead_queue
from messaging.worker import Worker, workers
from twitter_project.doctor.findings import (
    TIMEOUT_SECONDS,
    Finding,
    check_dead_letters,
    check_version,
)

MAX_QUEUED = 10_000
MIN_RABBITMQ_VERSION = (3, 10)  # the first whose quorum queues dead-letter at least once


def check_rabbitmq() -> Iterator[Finding]:
    if not settings.RABBITMQ_URL:
        yield Finding("rabbitmq", "embedded")
        return
    parameters = pika.URLParameters(settings.RABBITMQ_URL)
    parameters.socket_timeout = parameters.blocked_connection_timeout = TIMEOUT_SECONDS
    try:
        connection = connect(parameters)
    except AMQPError as error:
        raise ConnectionError(
            f"{urlsplit(settings.RABBITMQ_URL).hostname}: {reason(error)}"
        ) from error
    with closing(connection):
        version = _read_rabbitmq_version(parameters)
        yield check_version("rabbitmq", "RabbitMQ", version, MIN_RABBITMQ_VERSION)
        for name, worker in workers().items():
            yield _check_queue(connection, worker, command=f"run_{name.partition('.')[0]}_worker")
            dead = _declare_passively(connection, dead_queue(worker.queue))
            yield from check_dead_letters(worker, dead.message_count if dead is not None else 0)


def _read_rabbitmq_version(parameters: pika.URLParameters) -> str:
    """Opens a second connection: a BlockingConnection doesn't expose the server's properties."""
    versions: list[str] = []

    def on_open(connection: pika.SelectConnection) -> None:
        versions.append((connection.server_properties or {})["version"])
        connection.close()

    def stop(connection: pika.SelectConnection, _: BaseException | str) -> None:
        connection.ioloop.stop()

    connection = pika.SelectConnection(parameters, on_open, stop, stop)
    connection.ioloop.start()
    if not versions:
        raise ConnectionError("the connection was closed before it was open")
    return versions[0]


def _check_queue(connection: pika.BlockingConnection, worker: Worker, *, command: str) -> Finding:
    declared = _declare_passively(connection, worker.queue)
    if declared is None:
        return Finding(worker.queue, "the queue is missing", f"start run_outbox_relay or {command}")
    messages, consumers = declared.message_count, declared.consumer_count
    text = f"{messages} messages, {consumers} consumers"
    if not consumers:
        return Finding(worker.queue, text, f"start {command}")
    return Finding(worker.queue, text, f"start more {command}" if messages > MAX_QUEUED else "")


def _declare_passively(
    connection: pika.BlockingConnection, queue: str
) -> pika.spec.Queue.DeclareOk | None:
    channel = connection.channel()  # RabbitMQ closes it if the queue is missing
    try:
        declared = channel.queue_declare(queue, passive=True)
    except ChannelClosedByBroker:
        return None
    channel.close()
    return declared.method
