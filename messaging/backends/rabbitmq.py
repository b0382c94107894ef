"""RabbitMQ: a durable topic exchange, quorum queues, publisher confirms, dead letters.

A connection belongs to one thread. Publishing waits once for the confirms of a whole batch, which
pika's blocking channel can't do, so it drives a connection of its own by its event loop.
"""

import logging
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pika
from django.db import close_old_connections
from pika import frame, spec
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorException,
    AMQPConnectorPhaseErrorBase,
)
from pika.exceptions import AMQPConnectionError, AMQPError, InvalidFrameError
from pika.spec import Basic, BasicProperties

from common import tracing
from common.backoff import waits
from common.errors import OUTAGES, Unavailable
from messaging import loops
from messaging.broker import EXCHANGE, Message, dead_queue
from messaging.worker import MAX_BODY_BYTES, Delivery, Worker

# Messages a consumer holds. One multiple ack settles a batch of them.
PREFETCH = 1000
# The last resort against a message that kills its worker; poison is rejected long before.
DELIVERY_LIMIT = 50
MAX_LENGTH = 1_000_000
MAX_DEAD = 100_000

_CONNECT_SECONDS = 10.0
_CONFIRM_SECONDS = 10.0
_POLL_SECONDS = 0.25

T = TypeVar("T")

log = logging.getLogger(__name__)


class RabbitMQBroker:
    def __init__(self, url: str) -> None:
        self._parameters = _parameters(url, heartbeat=60)
        # Nobody drives a publisher's loop between batches; its deadline finds a dead peer.
        self._publisher_parameters = _parameters(url, heartbeat=0)
        self._thread = threading.local()

    def declare(self, workers: Sequence[Worker]) -> None:
        def make(channel: BlockingChannel) -> None:
            channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
            for worker in workers:
                _declare_queue(channel, worker)

        self._call(make)

    def publish(self, messages: Sequence[Message]) -> None:
        publisher: _Publisher | None = getattr(self._thread, "publisher", None)
        if publisher is None or not publisher.is_open:
            publisher = self._thread.publisher = _Publisher(self._publisher_parameters)
        publisher.publish([(EXCHANGE, m.routing_key, _properties(m), m.body) for m in messages])

    def run_once(self, worker: Worker) -> int:
        def take(channel: BlockingChannel) -> int:
            deliveries = [_delivery(*got) for got in _take(channel, worker.queue, worker.batch)]
            if deliveries:
                _settle(channel, deliveries, worker.process(deliveries))
            return len(deliveries)

        return self._call(take)

    def consume(self, worker: Worker, stop: threading.Event) -> None:
        pauses = waits()
        while not stop.is_set():
            try:
                with connect(self._parameters) as connection:
                    consumer = _Consumer(connection, worker, stop)
                    pauses = waits()
                    loops.mark(worker.queue, up=True)
                    while not stop.is_set():
                        if consumer.step():
                            pauses = waits()
            except AMQPError as error:
                loops.mark(worker.queue, up=False)
                if stop.is_set():
                    return
                pause = next(pauses)
                log.warning(
                    "%s: RabbitMQ is away, next attempt in %.1f s: %s",
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
        def look(channel: BlockingChannel) -> list[Message]:
            found = list(_take(channel, dead_queue(worker.queue), limit))
            if found:
                channel.basic_nack(found[-1][0].delivery_tag, multiple=True, requeue=True)
            return [_message(*got) for got in found]

        return self._call(look)

    def send_back(self, worker: Worker, limit: int) -> int:
        def move(channel: BlockingChannel) -> int:
            count = 0
            for method, properties, body in _take(channel, dead_queue(worker.queue), limit):
                message = _message(method, properties, body)
                channel.basic_publish("", worker.queue, body, _properties(message))
                channel.basic_ack(method.delivery_tag)
                count += 1
            return count

        return self._call(move)

    def close(self) -> None:
        held = self._thread.__dict__
        channel, publisher = held.pop("channel", None), held.pop("publisher", None)
        if channel is not None and channel.is_open:
            channel.connection.close()
        if publisher is not None:
            publisher.close()

    def _call(self, action: Callable[[BlockingChannel], T]) -> T:
        """Runs `action` on this thread's channel, made anew when it was lost."""
        try:
            return action(self._channel())
        except AMQPError as error:
            self._thread.__dict__.pop("channel", None)
            raise Unavailable(f"RabbitMQ: {reason(error)}") from error

    def _channel(self) -> BlockingChannel:
        channel: BlockingChannel | None = getattr(self._thread, "channel", None)
        if channel is not None:
            with suppress(AMQPConnectionError):  # closed while it was idle: nobody drove it
                channel.connection.process_data_events()
        if channel is None or not channel.is_open:
            channel = connect(self._parameters).channel()
            channel.confirm_delivery()
            self._thread.channel = channel
        return channel


class _Consumer:
    """One consumer on one connection."""

    def __init__(
        self, connection: pika.BlockingConnection, worker: Worker, stop: threading.Event
    ) -> None:
        self._connection = connection
        self._worker = worker
        self._stop = stop
        self._inbox: deque[Delivery] = deque()
        self._channel = connection.channel()
        self._channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
        _declare_queue(self._channel, worker)
        self._channel.basic_qos(prefetch_count=PREFETCH)
        self._channel.basic_consume(worker.queue, self._receive)

    def step(self) -> bool:
        """Waits for messages, a moment at most, and handles a batch. Says if there was one."""
        self._connection.process_data_events(0 if self._inbox else _POLL_SECONDS)
        if not self._channel.consumer_tags:
            raise AMQPConnectionError("the consumer was cancelled: its queue or channel is gone")
        batch = [self._inbox.popleft() for _ in range(min(len(self._inbox), self._worker.batch))]
        if not batch:
            return False
        for pause in waits():
            close_old_connections()  # those that broke: nobody else would
            try:
                dead = self._worker.process(batch)
            except (Unavailable, *OUTAGES) as error:
                loops.mark(self._worker.queue, up=False)
                log.warning("%s waits for %.1f s: %s", self._worker.queue, pause, error)
                self._wait(pause)
                if self._stop.is_set():
                    return False  # unsettled: the queue has them back when the connection ends
            else:
                _settle(self._channel, batch, dead)
                loops.mark(self._worker.queue, up=True)
                break
        return True

    def _receive(
        self,
        channel: BlockingChannel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        self._inbox.append(_delivery(method, properties, body))

    def _wait(self, seconds: float) -> None:
        """Keeps the heartbeats going meanwhile."""
        while seconds > 0 and not self._stop.is_set():
            self._connection.sleep(min(seconds, _POLL_SECONDS))
            seconds -= _POLL_SECONDS


class _Reading(pika.SelectConnection):
    """Takes a message whose properties can't be decoded for one that has none.

    A header's time in milliseconds, for instance, lies beyond Python's years. Raised here it would
    end the worker, and then each that is handed the message next.
    """

    _frame_buffer: bytes

    def _read_frame(self) -> Any:
        """What pika's connections read by."""
        try:
            return super()._read_frame()  # type: ignore[misc]
        except InvalidFrameError:
            raise
        except Exception as error:
            kind, channel, size = struct.unpack_from(">BHL", self._frame_buffer)
            if kind != spec.FRAME_HEADER:
                raise
            log.warning("a message's properties can't be read: %s", error)
            _, _, body_size = struct.unpack_from(">HHQ", self._frame_buffer, spec.FRAME_HEADER_SIZE)
            length = spec.FRAME_HEADER_SIZE + size + spec.FRAME_END_SIZE
            return length, frame.Header(channel, body_size, BasicProperties())


class _Connection(pika.SelectConnection):
    """Sends what is written while `gathered` at once: pika asks the kernel for each frame, which
    takes longer than to make it.
    """

    _gathered: list[bytes] | None = None

    @contextmanager
    def gathered(self) -> Iterator[None]:
        self._gathered = []
        try:
            yield
        finally:
            frames, self._gathered = self._gathered, None
            if frames and self.is_open:
                self._adapter_emit_data(b"".join(frames))

    def _adapter_emit_data(self, data: bytes) -> None:
        """What pika's adapters implement."""
        if self._gathered is None:
            super()._adapter_emit_data(data)  # type: ignore[misc]
        else:
            self._gathered.append(data)


class _Publisher:
    """A connection in confirm mode, driven by its event loop while a batch is under way."""

    def __init__(self, parameters: pika.URLParameters) -> None:
        self._error: str | None = None
        self._unconfirmed: set[int] = set()
        self._sent = 0
        self._oldest = 1  # that no multiple confirm has settled
        self._channel: Any = None
        self._connection = _Connection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=self._failed,
            on_close_callback=self._failed,
        )
        self._run_until_stopped("no connection")
        self._raise_error()

    @property
    def is_open(self) -> bool:
        return self._error is None and self._connection.is_open

    def publish(self, messages: Sequence[tuple[str, str, BasicProperties, bytes]]) -> None:
        self._oldest = self._sent + 1
        self._unconfirmed = set(range(self._oldest, self._oldest + len(messages)))
        self._sent += len(messages)
        try:
            with self._connection.gathered():
                for exchange, routing_key, properties, body in messages:
                    self._channel.basic_publish(exchange, routing_key, body, properties)
        except AMQPError as error:
            self._error = self._error or reason(error)
        else:
            self._run_until_stopped("no confirm")
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            error = self._error
            self.close()
            raise Unavailable(f"RabbitMQ: {error}")

    def close(self) -> None:
        self._error = self._error or "closed"
        if self._connection.is_open:
            self._connection.close()
            self._run_until_stopped("no goodbye")

    def _run_until_stopped(self, complaint: str) -> None:
        def give_up() -> None:
            self._error = f"{complaint} within {_CONFIRM_SECONDS:.0f} s"
            self._connection.ioloop.stop()

        timer = self._connection.ioloop.call_later(_CONFIRM_SECONDS, give_up)
        self._connection.ioloop.start()
        self._connection.ioloop.remove_timeout(timer)

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._failed)
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._connection.ioloop.stop())
        self._channel = channel

    def _confirmed(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        first = self._oldest if frame.method.multiple else tag
        self._unconfirmed.difference_update(range(first, tag + 1))
        if frame.method.multiple:
            self._oldest = tag + 1
        if isinstance(frame.method, Basic.Nack):
            self._error = "a queue is full"
        if not self._unconfirmed:
            self._connection.ioloop.stop()

    def _failed(self, _: Any, error: Any) -> None:
        self._error = self._error or reason(error)
        self._connection.ioloop.stop()


def connect(parameters: pika.URLParameters) -> pika.BlockingConnection:
    try:
        return pika.BlockingConnection(parameters, _impl_class=_Reading)  # type: ignore[arg-type]
    except (OSError, AMQPConnectorException) as error:
        # An unknown host, a refused certificate, a handshake that hangs: no errors of AMQP's.
        raise AMQPConnectionError(error) from error


def _parameters(url: str, *, heartbeat: int) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = heartbeat
    parameters.socket_timeout = 5
    parameters.stack_timeout = _CONNECT_SECONDS
    parameters.blocked_connection_timeout = 30
    return parameters


def _declare_queue(channel: BlockingChannel, worker: Worker) -> None:
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


def _settle(channel: BlockingChannel, batch: Sequence[Delivery], dead: set[int]) -> None:
    for tag in dead:
        channel.basic_reject(tag, requeue=False)
    handled = [delivery.tag for delivery in batch if delivery.tag not in dead]
    if handled:
        channel.basic_ack(handled[-1], multiple=True)


def _take(
    channel: BlockingChannel, queue: str, limit: int
) -> Iterator[tuple[Any, BasicProperties, bytes]]:
    """Up to `limit` of the messages that wait in the queue, unsettled."""
    for _ in range(limit):
        method, properties, body = channel.basic_get(queue)
        if method is None or properties is None or body is None:
            return
        yield method, properties, body


def _delivery(method: Any, properties: BasicProperties, body: bytes) -> Delivery:
    """Of a body that is too large no more is kept than shows it: a thousand may be prefetched."""
    return Delivery(
        tag=method.delivery_tag,
        message_id=_text(properties.message_id),
        routing_key=_routing_key(method, properties),
        body=body[: MAX_BODY_BYTES + 1],
        traceparent=_traceparent(properties),
    )


def _message(method: Any, properties: BasicProperties, body: bytes) -> Message:
    return Message(
        message_id=_text(properties.message_id),
        routing_key=_routing_key(method, properties),
        body=body,
        timestamp=properties.timestamp or 0,
        traceparent=_traceparent(properties),
    )


def _routing_key(method: Any, properties: BasicProperties) -> str:
    """Also of a dead letter, whose own routing key is the name of its queue."""
    deaths: Any = (properties.headers or {}).get("x-death")
    with suppress(TypeError, LookupError):  # anyone may write anything there
        return _text(properties.type or deaths[-1]["routing-keys"][0])
    return _text(method.routing_key)


def _text(found: Any) -> str:
    """pika leaves as bytes what is no UTF-8."""
    return found.decode(errors="backslashreplace") if isinstance(found, bytes) else str(found or "")


def _traceparent(properties: BasicProperties) -> str | None:
    found = (properties.headers or {}).get(tracing.HEADER)
    return found if isinstance(found, str) else None


def _properties(message: Message) -> BasicProperties:
    return BasicProperties(
        message_id=message.message_id,
        type=message.routing_key,
        timestamp=message.timestamp,
        content_type="application/json",
        delivery_mode=2,
        headers={tracing.HEADER: message.traceparent} if message.traceparent else None,
    )


def reason(error: BaseException) -> str:
    """pika's errors often hide the cause some levels down, and some say nothing at all."""
    while inner := _inner(error):
        error = inner
    return str(error) or type(error).__name__


def _inner(error: BaseException) -> BaseException | None:
    if isinstance(error, AMQPConnectionWorkflowFailed):
        return error.exceptions[-1]
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        return error.exception
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, Exception) else None
