"""What waits in the outboxes and in the queues, looked up whenever the metrics are asked for."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong

from django.db import close_old_connections
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from common.db import aliases
from common.errors import OUTAGES, Unavailable
from messaging.broker import broker, dead_queue
from messaging.models import OutboxEvent, RefusedMessage
from messaging.worker import workers

_DEADLINE_SECONDS = 5.0

log = logging.getLogger(__name__)


def _pending() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_outbox_pending", "Events that wait for the relay", labels=["database"]
    )


def _oldest() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_outbox_oldest_seconds", "The age of the oldest of them", labels=["database"]
    )


def _refused() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_refused_messages",
        "Messages that a full queue refused and that wait in the database",
        labels=["database", "queue"],
    )


def _waiting() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_queue_messages", "Messages that wait in a queue", labels=["queue"]
    )


def _known() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_backlog_known", "Whether it could be looked up: outbox, queues", labels=["part"]
    )


class Backlog(Collector):
    """A part that is down has no numbers, and is known by that."""

    def __init__(self) -> None:
        # one thread, and so one connection to the broker and to each database, for all times
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backlog")

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_pending(), _oldest(), _refused(), _waiting(), _known()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        known = _known()
        for part, look in (("outbox", _look_into_outboxes), ("queues", _look_into_queues)):
            found = self._ask(look)
            known.add_metric([part], float(bool(found)))
            yield from found
        yield known

    def _ask(self, look: Callable[[], list[GaugeMetricFamily]]) -> list[GaugeMetricFamily]:
        try:
            return self._thread.submit(look).result(_DEADLINE_SECONDS)
        except (Unavailable, TookTooLong, *OUTAGES) as error:
            log.warning("the backlog is not known: %r", error)
            return []


def _look_into_outboxes() -> list[GaugeMetricFamily]:
    pending, oldest, refused = _pending(), _oldest(), _refused()
    now = timezone.now()
    close_old_connections()
    for using in aliases():
        waiting = OutboxEvent.objects.using(using).filter(published_at=None)
        found = waiting.aggregate(count=Count("id"), since=Min("created_at"))
        age = (now - found["since"]).total_seconds() if found["since"] else 0.0
        pending.add_metric([using], found["count"])
        oldest.add_metric([using], max(age, 0.0))
        for worker in workers().values():
            kept = RefusedMessage.objects.using(using).filter(queue=worker.queue)
            refused.add_metric([using, worker.queue], kept.count())
    close_old_connections()
    return [pending, oldest, refused]


def _look_into_queues() -> list[GaugeMetricFamily]:
    waiting = _waiting()
    for worker in workers().values():
        for queue in (worker.queue, dead_queue(worker.queue)):
            waiting.add_metric([queue], broker().depth(queue))
    return [waiting]
