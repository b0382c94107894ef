"""Consumes a worker's queue."""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pika
from django.db import close_old_connections
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, AMQPError
from pika.spec import Basic, BasicProperties

from common.backoff import waits
from common.errors import OUTAGES, Unavailable
from messaging import loop_health
from messaging.backends.rabbitmq.connections import reason
from messaging.backends.rabbitmq.messages import read_delivery
from messaging.backends.rabbitmq.queues import acknowledge, declare_queue
from messaging.broker import EXCHANGE
from messaging.worker import Delivery, Worker

# Messages that a consumer holds at most.
PREFETCH = 1000

_POLL_SECONDS = 0.25

log = logging.getLogger(__name__)


class Heartbeats:
    """Answers a connection's heartbeats from a second thread while a handler runs.

    Without them RabbitMQ closes the connection during a long handler, delivers all its messages to
    another worker and counts each towards the queue's delivery limit. pika's connections are not
    thread-safe, so only the thread that holds the lock uses this one.
    """

    def __init__(self, connection: pika.BlockingConnection, *, every_seconds: float) -> None:
        self._connection = connection
        self._every_seconds = every_seconds
        self._in_use = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def __enter__(self) -> Self:
        self._in_use.acquire()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._in_use.release()
        self._thread.join()

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """The caller must not use the connection inside the block."""
        self._in_use.release()
        try:
            yield
        finally:
            self._in_use.acquire()

    def _run(self) -> None:
        while not self._ended.wait(self._every_seconds):
            with self._in_use:
                if self._ended.is_set():
                    return
                try:
                    self._connection.process_data_events()
                except AMQPError as error:  # the consumer's next call fails, too, and it reconnects
                    log.warning("the connection was lost during a handler: %s", reason(error))
                    return


class Consumer:
    """One consumer on one connection."""

    def __init__(
        self,
        connection: pika.BlockingConnection,
        heartbeats: Heartbeats,
        worker: Worker,
        stop: threading.Event,
    ) -> None:
        self._connection = connection
        self._heartbeats = heartbeats
        self._worker = worker
        self._stop = stop
        self._inbox: deque[Delivery] = deque()
        self._channel = connection.channel()
        self._channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
        declare_queue(self._channel, worker)
        self._channel.basic_qos(prefetch_count=PREFETCH)
        self._channel.basic_consume(worker.queue, self._receive)

    def step(self) -> bool:
        """Waits up to `_POLL_SECONDS` for messages. Returns whether it handled a batch."""
        self._require_open()
        self._connection.process_data_events(0 if self._inbox else _POLL_SECONDS)
        if not self._channel.consumer_tags:
            raise AMQPConnectionError("the consumer was cancelled: its queue or channel is gone")
        batch = [self._inbox.popleft() for _ in range(min(len(self._inbox), self._worker.batch))]
        if not batch:
            return False
        for pause in waits():
            close_old_connections()  # a worker has no requests after which Django would do it
            try:
                with self._heartbeats.in_background():
                    dead = self._worker.process(batch)
            except (Unavailable, *OUTAGES) as error:
                loop_health.mark(self._worker.queue, up=False)
                log.warning("%s: retrying in %.1f s: %s", self._worker.queue, pause, error)
                self._wait(pause)
                if self._stop.is_set():
                    return False  # RabbitMQ requeues the batch when the connection closes
            else:
                acknowledge(self._channel, batch, dead)
                loop_health.mark(self._worker.queue, up=True)
                break
        return True

    def _receive(
        self,
        channel: BlockingChannel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        self._inbox.append(read_delivery(method, properties, body))

    def _wait(self, seconds: float) -> None:
        """Sleeps and answers heartbeats."""
        while seconds > 0 and not self._stop.is_set():
            self._require_open()
            self._connection.sleep(min(seconds, _POLL_SECONDS))
            seconds -= _POLL_SECONDS

    def _require_open(self) -> None:
        """Heartbeats may have found the connection lost. Then pika's calls raise ValueError."""
        if not self._connection.is_open:
            raise AMQPConnectionError("the connection was lost during a handler")
