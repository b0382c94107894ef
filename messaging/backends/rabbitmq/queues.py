"""The queues: how they are declared, read one message at a time, and settled."""

from collections.abc import Iterator, Sequence
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from messaging.broker import EXCHANGE, dead_queue
from messaging.worker import Delivery, Worker

# The last resort against a message that kills its worker; poison is rejected long before.
DELIVERY_LIMIT = 50
MAX_LENGTH = 1_000_000
MAX_DEAD = 100_000


def declare_queue(channel: BlockingChannel, worker: Worker) -> None:
    """The queue, its bindings, and beside it the queue of its dead letters."""
    dead = dead_queue(worker.queue)
    channel.queue_declare(
        dead, durable=True, arguments={"x-queue-type": "quorum", "x-max-length": MAX_DEAD}
    )
    channel.queue_declare(
        worker.queue,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length": MAX_LENGTH,
            "x-overflow": "reject-publish",  # at-least-once dead letters ask for it
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead,
            "x-dead-letter-strategy": "at-least-once",
        },
    )
    for routing_key in worker.bindings:
        channel.queue_bind(worker.queue, EXCHANGE, routing_key)


def settle(channel: BlockingChannel, batch: Sequence[Delivery], dead: set[int]) -> None:
    for tag in dead:
        channel.basic_reject(tag, requeue=False)
    handled = [delivery.tag for delivery in batch if delivery.tag not in dead]
    if handled:
        channel.basic_ack(handled[-1], multiple=True)


def take(
    channel: BlockingChannel, queue: str, limit: int
) -> Iterator[tuple[Any, BasicProperties, bytes]]:
    """Up to `limit` of the messages that wait in the queue, unsettled."""
    for _ in range(limit):
        method, properties, body = channel.basic_get(queue)
        if method is None or properties is None or body is None:
            return
        yield method, properties, body
