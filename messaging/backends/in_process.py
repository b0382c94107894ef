"""The embedded broker. Its queues are rows, so a restart loses no message.

It publishes in the relay's transaction, so an event moves from the outbox to the queues atomically.
It works in one process only, because a condition variable wakes the consumers.
"""

import logging
import threading
from collections.abc import Sequence
from functools import partial

from django.db import close_old_connections
from django.db.models import QuerySet

from common import embedded_parts
from common.backoff import waits
from common.db import atomic, on_commit
from common.errors import OUTAGES, Unavailable
from messaging import loop_health
from messaging.broker import Message, dead_queue
from messaging.models import QueuedMessage
from messaging.worker import Delivery, Worker, workers

_TIMER_SECONDS = 1.0

log = logging.getLogger(__name__)


class InProcessBroker:
    def __init__(self) -> None:
        embedded_parts.register("broker", self)
        self._arrived = threading.Condition()
        self._arrivals = 0

    def declare(self, workers: Sequence[Worker]) -> None:
        pass

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        with atomic("messaging"):
            QueuedMessage.objects.bulk_create(
                QueuedMessage(
                    queue=worker.queue,
                    message_id=message.message_id,
                    routing_key=message.routing_key,
                    body=message.body,
                    traceparent=message.traceparent,
                )
                for message in messages
                for worker in workers().values()
                if message.routing_key in worker.handlers and message.queue in (None, worker.queue)
            )
            on_commit("messaging", self._wake_consumers)
        return []

    def run_once(self, worker: Worker) -> int:
        waiting = self._queue(worker.queue).order_by("id")[: worker.batch]
        deliveries = [
            Delivery(
                tag=row.id,
                message_id=row.message_id,
                routing_key=row.routing_key,
                body=bytes(row.body),
                traceparent=row.traceparent,
            )
            for row in waiting
        ]
        if not deliveries:
            return 0
        dead = worker.process(deliveries)
        with atomic("messaging"):
            tags = {delivery.tag for delivery in deliveries}
            QueuedMessage.objects.filter(id__in=tags - dead).delete()
            QueuedMessage.objects.filter(id__in=dead).update(queue=dead_queue(worker.queue))
        return len(deliveries)

    def consume(self, worker: Worker, stop: threading.Event) -> None:
        pauses = waits()
        while not stop.is_set():
            try:
                close_old_connections()
                seen = self._arrivals
                if not self.run_once(worker):
                    with self._arrived:
                        self._arrived.wait_for(partial(self._has_arrivals, seen), _TIMER_SECONDS)
                loop_health.mark(worker.queue, up=True)
                pauses = waits()
            except (Unavailable, *OUTAGES) as error:
                loop_health.mark(worker.queue, up=False)
                pause = next(pauses)
                log.warning("%s: retrying in %.1f s: %s", worker.queue, pause, error)
                stop.wait(pause)

    def depth(self, queue: str) -> int:
        return self._queue(queue).count()

    def purge(self, queue: str) -> None:
        self._queue(queue).delete()

    def dead_letters(self, worker: Worker, limit: int) -> list[Message]:
        return [
            Message(
                message_id=row.message_id,
                routing_key=row.routing_key,
                body=bytes(row.body),
                timestamp=0,
            )
            for row in self._queue(dead_queue(worker.queue)).order_by("id")[:limit]
        ]

    def send_back(self, worker: Worker, limit: int) -> int:
        ids = (
            self._queue(dead_queue(worker.queue))
            .order_by("id")
            .values_list("id", flat=True)[:limit]
        )
        count = QueuedMessage.objects.filter(id__in=list(ids)).update(queue=worker.queue)
        self._wake_consumers()
        return count

    def close(self) -> None:
        pass

    def _queue(self, queue: str) -> QuerySet[QueuedMessage]:
        return QueuedMessage.objects.filter(queue=queue)

    def _has_arrivals(self, seen: int) -> bool:
        return self._arrivals != seen

    def _wake_consumers(self) -> None:
        with self._arrived:
            self._arrivals += 1
            self._arrived.notify_all()
