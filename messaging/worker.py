"""A worker declares a queue and the handler of each type of event in it.

A handler takes a batch of events of one type, and must be idempotent. If it raises an outage, the
broker backend keeps the messages and retries with backoff. Any other error makes its message a dead
letter.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from time import perf_counter
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from common.errors import OUTAGES, Unavailable
from common.observability import tracing
from common.observability.metrics import (
    DEAD_LETTERS,
    HANDLER_SECONDS,
    MESSAGES_HANDLED,
    MESSAGES_RETRIED,
)
from messaging.events import Event, Poison, decode

log = logging.getLogger(__name__)

Handler = Callable[[Sequence[Any]], None]

BATCH = 100

# Many times the size of our largest event.
MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message that a broker delivers.

    A body of more than `MAX_BODY_BYTES` may be truncated to just above the limit.
    """

    tag: int  # the broker's own number for the delivery
    message_id: str
    routing_key: str
    body: bytes
    traceparent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Worker:
    queue: str
    handlers: Mapping[str, Handler]
    batch: int = BATCH
    prepare: Callable[[], None] = lambda: None  # runs before each batch

    @property
    def bindings(self) -> list[str]:
        return sorted(self.handlers)

    def process(self, deliveries: Sequence[Delivery]) -> set[int]:
        """Handles the deliveries. Returns the tags of those that must become dead letters.

        Raises `Unavailable` while a dependency is down. All deliveries can be handled again.
        """
        try:
            self.prepare()
        except OUTAGES as error:
            raise Unavailable(f"a dependency of {self.queue} is down: {error}") from error
        dead: set[int] = set()
        readable: list[tuple[Delivery, Event]] = []
        for delivery in deliveries:
            try:
                readable.append((delivery, self.read(delivery.routing_key, delivery.body)))
            except Poison as error:
                log.error(
                    "%s: dead letter %r (%s): %s",
                    self.queue, delivery.message_id, delivery.routing_key, error,
                )  # fmt: skip
                dead.add(delivery.tag)
        for routing_key, group in groupby(readable, key=lambda pair: pair[0].routing_key):
            dead |= self._handle(self.handlers[routing_key], list(group))
        if dead:
            DEAD_LETTERS.labels(self.queue).inc(len(dead))
        return dead

    def read(self, routing_key: str, body: bytes) -> Event:
        """Raises `Poison` for a message that none of the handlers can handle."""
        if routing_key not in self.handlers:
            raise Poison(f"{self.queue} does not handle {routing_key!r}")
        if len(body) > MAX_BODY_BYTES:
            raise Poison(f"larger than {MAX_BODY_BYTES} bytes")
        return decode(routing_key, body)

    def _handle(self, handler: Handler, group: list[tuple[Delivery, Event]]) -> set[int]:
        routing_key = group[0][0].routing_key
        parents = [delivery.traceparent for delivery, _ in group]
        started = perf_counter()
        try:
            with tracing.batch(f"{self.queue} {routing_key}", parents):
                handler([event for _, event in group])
        except (Unavailable, *OUTAGES) as error:
            MESSAGES_RETRIED.labels(self.queue).inc(len(group))
            raise Unavailable(f"a dependency of {self.queue} is down: {error}") from error
        except Exception:
            if len(group) > 1:  # one by one, so that only the failing events become dead letters
                return set().union(*(self._handle(handler, [pair]) for pair in group))
            delivery = group[0][0]
            log.exception(
                "%s: dead letter %r (%s)", self.queue, delivery.message_id, delivery.routing_key
            )
            return {delivery.tag}
        HANDLER_SECONDS.labels(self.queue, routing_key).observe(perf_counter() - started)
        MESSAGES_HANDLED.labels(self.queue, routing_key).inc(len(group))
        return set()


@cache
def workers() -> dict[str, Worker]:
    """The declared workers by service. A service's second worker has a name after its service."""
    return {name: cast(Worker, import_string(path)) for name, path in settings.WORKERS.items()}
