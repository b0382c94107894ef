"""The interface of a message broker. `settings.BROKER` names the backend."""

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
    queue: str | None = None  # the only queue that gets it; None: all that are bound to its type


class Broker(Protocol):
    """Every method raises `common.errors.Unavailable` while the broker can't be reached."""

    def declare(self, workers: Sequence[Worker]) -> None:
        """Creates the exchange and the workers' queues, without which messages would be lost."""

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        """Waits until every queue has confirmed or refused its messages.

        Returns the refused messages, each with the `queue` that was full.
        """

    def run_once(self, worker: Worker) -> int:
        """Handles one batch from the worker's queue. Returns its size."""

    def consume(self, worker: Worker, stop: threading.Event) -> None:
        """Handles messages until `stop` is set. Retries after lost connections and outages."""

    def depth(self, queue: str) -> int:
        """The number of messages in the queue."""

    def dead_letters(self, worker: Worker, limit: int) -> list[Message]:
        """The oldest dead letters of the worker's queue. Does not remove them."""

    def send_back(self, worker: Worker, limit: int) -> int:
        """Moves up to `limit` dead letters back to the worker's queue. Returns their number."""

    def purge(self, queue: str) -> None:
        """Deletes the messages in the queue."""

    def close(self) -> None:
        """Closes this thread's connection, if it has one."""


@cache
def broker() -> Broker:
    options = dict(settings.BROKER)
    return cast(Broker, import_string(options.pop("BACKEND"))(**options))
