"""Declares the queues, gets messages one at a time, and acknowledges them."""

from collections.abc import Iterator, Sequence
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from messaging.broker import EXCHANGE, dead_queue
from messaging.worker import Delivery, Worker

# The last resort against a message that kills its worker. Unreadable messages are rejected at once.
DELIVERY_LIMIT = 50
MAX_LENGTH = 1_000_000
MAX_DEAD = 100_000


def declare_queue(channel: BlockingChannel, worker: Worker) -> None:
    """Declares the worker's queue, its bindings, and the queue of its dead letters."""
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
            "x-overflow": "reject-publish",  # a condition of at-least-once dead letters
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead,
            "x-dead-letter-strategy": "at-least-once",
        },
    )
    for routing_key in worker.bindings:
        channel.queue_bind(worker.queue, EXCHANGE, routing_key)


def acknowledge(channel: BlockingChannel, batch: Sequence[Delivery], dead: set[int]) -> None:
    """Dead-letters the deliveries with the tags `dead` and acknowledges the others."""
    for tag in dead:
        channel.basic_reject(tag, requeue=False)
    handled = [delivery.tag for delivery in batch if delivery.tag not in dead]
    if handled:
        channel.basic_ack(handled[-1], multiple=True)


def get_messages(
    channel: BlockingChannel, queue: str, limit: int
) -> Iterator[tuple[Any, BasicProperties, bytes]]:
    """Up to `limit` messages of the queue, not acknowledged."""
    for _ in range(limit):
        method, properties, body = channel.basic_get(queue)
        if method is None or properties is None or body is None:
            return
        yield method, properties, body
