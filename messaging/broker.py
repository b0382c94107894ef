"""What the system asks of a broker. `settings.BROKER` names the one in use."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from messaging.worker import Worker

EXCHANGE = "events"


def dead_queue(queue: str) -> str:
    return f"{queue}.dead"


@dataclass(frozen=True, kw_only=True)
class Message:
    message_id: str
    routing_key: str
    body: bytes
    timestamp: int  # seconds since 1970
    traceparent: str | None = None
    queue: str | None = (
        None  # the one queue that gets it; by default all that are bound to its type
    )


class Broker(Protocol):
    """Every method raises `common.errors.Unavailable` while the broker can't be reached."""

    def declare(self, workers: Sequence[Worker]) -> None:
        """Makes the exchange and the workers' queues, so that nothing published is lost."""

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        """Returns when every queue has confirmed or refused its messages, and raises else.

        The refused messages are returned, each with the `queue` that was full.
        """

    def run_once(self, worker: Worker) -> int:
        """Handles one batch of what waits in the worker's queue. Returns the batch's size."""

    def consume(self, worker: Worker, stop: threading.Event) -> None:
        """Handles messages until `stop`, through lost connections and outages."""

    def depth(self, queue: str) -> int:
        """How many messages wait in the queue."""

    def dead_letters(self, worker: Worker, limit: int) -> list[Message]:
        """The oldest dead letters of the worker's queue; they stay where they are."""

    def send_back(self, worker: Worker, limit: int) -> int:
        """Returns up to `limit` dead letters to the worker's queue. Says how many."""

    def purge(self, queue: str) -> None:
        """Throws away what waits in the queue."""

    def close(self) -> None:
        """Ends this thread's connection, if it has one."""


@cache
def broker() -> Broker:
    options = dict(settings.BROKER)
    return cast(Broker, import_string(options.pop("BACKEND"))(**options))
