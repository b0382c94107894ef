"""Publishes a batch of messages and waits once for the confirms of all of them.

pika's blocking channel waits for the confirm of each message, so this drives the event loop of a
`SelectConnection`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pika
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from common.errors import Unavailable
from messaging.backends.rabbitmq.connections import reason

_CONFIRM_SECONDS = 10.0


class _BufferedConnection(pika.SelectConnection):
    """Writes all frames of a `buffered` block at once.

    pika makes a system call for each of a message's three frames, which costs a fourth of the
    throughput or more. It has no public way to join them, so this overrides `_adapter_emit_data`,
    which pika documents for subclasses of `Connection`.
    """

    _buffer: list[bytes] | None = None

    @contextmanager
    def buffered(self) -> Iterator[None]:
        self._buffer = []
        try:
            yield
        finally:
            frames, self._buffer = self._buffer, None
            if frames and self.is_open:
                self._adapter_emit_data(b"".join(frames))

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._buffer is None:
            super()._adapter_emit_data(data)  # type: ignore[misc]
        else:
            self._buffer.append(data)


class Publisher:
    """A connection in confirm mode. Its event loop runs only while a batch is in progress."""

    def __init__(self, parameters: pika.URLParameters) -> None:
        self._error: str | None = None
        self._unconfirmed: set[int] = set()
        self._refused: set[int] = set()
        self._sent = 0
        self._oldest = 1  # the first delivery tag after the last multiple confirm
        self._channel: Any = None
        self._connection = _BufferedConnection(
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

    def publish(self, messages: Sequence[tuple[str, str, BasicProperties, bytes]]) -> list[int]:
        """Returns the positions of the messages that a full queue refused."""
        first = self._oldest = self._sent + 1
        self._unconfirmed = set(range(first, first + len(messages)))
        self._refused = set()
        self._sent += len(messages)
        try:
            with self._connection.buffered():
                for exchange, routing_key, properties, body in messages:
                    self._channel.basic_publish(exchange, routing_key, body, properties)
        except AMQPError as error:
            self._error = self._error or reason(error)
        else:
            self._run_until_stopped("no confirm")
        self._raise_error()
        return [tag - first for tag in sorted(self._refused)]

    def _raise_error(self) -> None:
        if self._error is not None:
            error = self._error
            self.close()
            raise Unavailable(f"RabbitMQ: {error}")

    def close(self) -> None:
        self._error = self._error or "closed"
        if self._connection.is_open:
            self._connection.close()
            self._run_until_stopped("no reply to close")

    def _run_until_stopped(self, timeout_error: str) -> None:
        def give_up() -> None:
            self._error = f"{timeout_error} within {_CONFIRM_SECONDS:.0f} s"
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
        if isinstance(frame.method, Basic.Nack):
            self._refused.update(self._unconfirmed.intersection(range(first, tag + 1)))
        self._unconfirmed.difference_update(range(first, tag + 1))
        if frame.method.multiple:
            self._oldest = tag + 1
        if not self._unconfirmed:
            self._connection.ioloop.stop()

    def _failed(self, _: Any, error: Any) -> None:
        self._error = self._error or reason(error)
        self._connection.ioloop.stop()
