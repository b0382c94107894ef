"""RabbitMQ with pika alone: the limit of the relay and consumer rows."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import pika
from django.conf import settings
from pika.spec import Basic, BasicProperties

from benchmarks.harness import CheckFailed

BATCH = 500
PREFETCH = 1000
ACK_EVERY = 100

Message = tuple[BasicProperties, bytes]


def properties(message_id: str, routing_key: str) -> BasicProperties:
    """Those of our own messages."""
    return BasicProperties(
        message_id=message_id,
        type=routing_key,
        timestamp=int(time.time()),
        content_type="application/json",
        delivery_mode=2,
    )


def publish(exchange: str, routing_key: str, messages: Sequence[Message]) -> float:
    """Messages per second. Each batch waits for the confirms of the last one."""
    return _Publisher(exchange, routing_key, messages).run()


def consume(queue: str, count: int) -> tuple[float, set[str]]:
    """Messages per second, and the ids of the first `count` messages in the queue."""
    seen: set[str] = set()
    begun = 0.0

    def receive(channel: Any, method: Any, message_properties: BasicProperties, _: bytes) -> None:
        nonlocal begun
        if not seen:
            begun = time.perf_counter()
        seen.add(str(message_properties.message_id))
        if len(seen) % ACK_EVERY == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if len(seen) == count:
            channel.stop_consuming()

    with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(queue, receive)
        channel.start_consuming()
        ended = time.perf_counter()
    return count / (ended - begun), seen


class _Publisher:
    def __init__(self, exchange: str, routing_key: str, messages: Sequence[Message]) -> None:
        self._address = (exchange, routing_key)
        self._messages = iter(messages)
        self._count = len(messages)
        self._sent = 0
        self._unconfirmed: set[int] = set()
        self._begun = self._ended = 0.0
        self._error: object = None
        self._channel: Any = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(str(settings.RABBITMQ_URL)),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )

    def run(self) -> float:
        self._connection.ioloop.start()
        if self._sent != self._count or self._unconfirmed:
            raise CheckFailed(f"not all messages were confirmed: {self._error}")
        return self._count / (self._ended - self._begun)

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._begin())

    def _begin(self) -> None:
        self._begun = time.perf_counter()
        self._send_batch()

    def _send_batch(self) -> None:
        for message_properties, body in islice(self._messages, BATCH):
            self._sent += 1
            self._unconfirmed.add(self._sent)
            self._channel.basic_publish(*self._address, body, message_properties)
        if not self._unconfirmed:
            self._ended = time.perf_counter()
            self._connection.close()

    def _confirmed(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        if isinstance(frame.method, Basic.Nack):
            self._connection.close(reply_text="a queue is full")
        elif frame.method.multiple:
            self._unconfirmed.difference_update(range(tag - BATCH, tag + 1))
        else:
            self._unconfirmed.discard(tag)
        if not self._unconfirmed:
            self._send_batch()

    def _closed(self, _: Any, error: object) -> None:
        self._error = error
        self._connection.ioloop.stop()
