"""A `messaging.broker.Broker` on RabbitMQ. Each thread has connections of its own."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, AMQPError

from common.backoff import waits
from common.errors import Unavailable
from messaging import loop_health
from messaging.backends.rabbitmq.connections import connect, reason, url_parameters
from messaging.backends.rabbitmq.consumer import Consumer, Heartbeats
from messaging.backends.rabbitmq.messages import make_properties, read_delivery, read_message
from messaging.backends.rabbitmq.publisher import Publisher
from messaging.backends.rabbitmq.queues import acknowledge, declare_queue, get_messages
from messaging.broker import EXCHANGE, Message, dead_queue
from messaging.worker import Worker, workers

HEARTBEAT_SECONDS = 60

T = TypeVar("T")

log = logging.getLogger(__name__)


class RabbitMQBroker:
    def __init__(self, url: str) -> None:
        self._parameters = url_parameters(url, heartbeat=HEARTBEAT_SECONDS)
        # A publisher's loop runs only during a batch, whose deadline detects a dead server.
        self._publisher_parameters = url_parameters(url, heartbeat=0)
        self._thread = threading.local()

    def declare(self, workers: Sequence[Worker]) -> None:
        def make(channel: BlockingChannel) -> None:
            channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
            for worker in workers:
                declare_queue(channel, worker)

        self._call(make)

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        """Publishes a refused message to each of its queues separately, and returns those refused.

        RabbitMQ doesn't say which queue refused a message. The queues with room get it twice.
        """
        refused = self._publish(messages)
        retries = [
            replace(message, queue=worker.queue)
            for worker in workers().values()
            for message in refused
            if message.queue is None and message.routing_key in worker.handlers
        ]
        return [message for message in refused if message.queue] + self._publish(retries)

    def _publish(self, messages: Sequence[Message]) -> list[Message]:
        """Returns the messages that a queue refused."""
        if not messages:
            return []
        publisher: Publisher | None = getattr(self._thread, "publisher", None)
        if publisher is None or not publisher.is_open:
            publisher = self._thread.publisher = Publisher(self._publisher_parameters)
        refused = publisher.publish([(*_address(m), make_properties(m), m.body) for m in messages])
        return [messages[position] for position in refused]

    def run_once(self, worker: Worker) -> int:
        def handle(channel: BlockingChannel) -> int:
            deliveries = [
                read_delivery(*found) for found in get_messages(channel, worker.queue, worker.batch)
            ]
            if deliveries:
                acknowledge(channel, deliveries, worker.process(deliveries))
            return len(deliveries)

        return self._call(handle)

    def consume(self, worker: Worker, stop: threading.Event) -> None:
        pauses = waits()
        while not stop.is_set():
            try:
                with (
                    connect(self._parameters) as connection,
                    Heartbeats(connection, every_seconds=HEARTBEAT_SECONDS / 10) as heartbeats,
                ):
                    consumer = Consumer(connection, heartbeats, worker, stop)
                    pauses = waits()
                    loop_health.mark(worker.queue, up=True)
                    while not stop.is_set():
                        if consumer.step():
                            pauses = waits()
            except AMQPError as error:
                loop_health.mark(worker.queue, up=False)
                if stop.is_set():
                    return
                pause = next(pauses)
                log.warning(
                    "%s: RabbitMQ is down, retrying in %.1f s: %s",
                    worker.queue, pause, reason(error),
                )  # fmt: skip
                stop.wait(pause)

    def depth(self, queue: str) -> int:
        return self._call(
            lambda channel: channel.queue_declare(queue, passive=True).method.message_count
        )

    def purge(self, queue: str) -> None:
        self._call(lambda channel: channel.queue_purge(queue))

    def dead_letters(self, worker: Worker, limit: int) -> list[Message]:
        def read(channel: BlockingChannel) -> list[Message]:
            found = list(get_messages(channel, dead_queue(worker.queue), limit))
            if found:
                channel.basic_nack(found[-1][0].delivery_tag, multiple=True, requeue=True)
            return [read_message(*message) for message in found]

        return self._call(read)

    def send_back(self, worker: Worker, limit: int) -> int:
        def move(channel: BlockingChannel) -> int:
            count = 0
            dead = get_messages(channel, dead_queue(worker.queue), limit)
            for method, properties, body in dead:
                message = read_message(method, properties, body)
                channel.basic_publish("", worker.queue, body, make_properties(message))
                channel.basic_ack(method.delivery_tag)
                count += 1
            return count

        return self._call(move)

    def close(self) -> None:
        kept = vars(self._thread)
        channel, publisher = kept.pop("channel", None), kept.pop("publisher", None)
        if channel is not None and channel.is_open:
            channel.connection.close()
        if publisher is not None:
            publisher.close()

    def _call(self, action: Callable[[BlockingChannel], T]) -> T:
        """Runs `action` on this thread's channel. Opens a new channel if the last one closed."""
        try:
            return action(self._channel())
        except AMQPError as error:
            vars(self._thread).pop("channel", None)
            raise Unavailable(f"RabbitMQ: {reason(error)}") from error

    def _channel(self) -> BlockingChannel:
        channel: BlockingChannel | None = getattr(self._thread, "channel", None)
        if channel is not None:
            with suppress(AMQPConnectionError):  # RabbitMQ closed it while it was idle
                channel.connection.process_data_events()
        if channel is None or not channel.is_open:
            channel = connect(self._parameters).channel()
            channel.confirm_delivery()
            self._thread.channel = channel
        return channel


def _address(message: Message) -> tuple[str, str]:
    """The exchange and routing key. The default exchange, "", routes by the queue's name."""
    return ("", message.queue) if message.queue else (EXCHANGE, message.routing_key)
