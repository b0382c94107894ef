"""Metrics of the outboxes and queues. Each scrape of `/metrics` counts them anew."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Timeout
from functools import partial

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

Measure = Callable[[], list[GaugeMetricFamily]]

log = logging.getLogger(__name__)


def _pending() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_outbox_pending", "Events that the relay has not published", labels=["database"]
    )


def _oldest() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_outbox_oldest_seconds",
        "The age of the oldest unpublished event",
        labels=["database"],
    )


def _refused() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_refused_messages",
        "Messages that a full queue refused, stored in the database",
        labels=["database", "queue"],
    )


def _waiting() -> GaugeMetricFamily:
    return GaugeMetricFamily("microblog_queue_messages", "Messages in a queue", labels=["queue"])


def _known() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "microblog_backlog_known",
        "Whether all outboxes, or all queues, could be counted",
        labels=["part"],
    )


class Backlog(Collector):
    """A database or broker that is down has no values. The others still have theirs."""

    def __init__(self) -> None:
        # one thread for each server, which keeps its connection
        self._threads: dict[str, ThreadPoolExecutor] = defaultdict(
            partial(ThreadPoolExecutor, 1, thread_name_prefix="backlog")
        )

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_pending(), _oldest(), _refused(), _waiting(), _known()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        measures: list[tuple[str, Measure]] = [
            *((f"database {using}", partial(_measure_outbox, using)) for using in aliases()),
            ("queues", _measure_queues),
        ]
        deadline = time.monotonic() + _DEADLINE_SECONDS
        futures = [(name, self._threads[name].submit(measure)) for name, measure in measures]
        *outboxes, queues = (self._result(name, future, deadline) for name, future in futures)
        known = _known()
        known.add_metric(["outbox"], float(all(outboxes)))
        known.add_metric(["queues"], float(bool(queues)))
        for family, *others in zip(*filter(None, outboxes), strict=True):
            for other in others:
                family.samples.extend(other.samples)
            yield family
        yield from queues
        yield known

    def _result(
        self, name: str, future: Future[list[GaugeMetricFamily]], deadline: float
    ) -> list[GaugeMetricFamily]:
        try:
            return future.result(deadline - time.monotonic())
        except (Unavailable, Timeout, *OUTAGES) as error:
            log.warning("could not measure the backlog of %s: %r", name, error)
            return []


def _measure_outbox(using: str) -> list[GaugeMetricFamily]:
    pending, oldest, refused = _pending(), _oldest(), _refused()
    close_old_connections()
    waiting = OutboxEvent.objects.using(using).filter(published_at=None)
    found = waiting.aggregate(count=Count("id"), since=Min("created_at"))
    age = (timezone.now() - found["since"]).total_seconds() if found["since"] else 0.0
    pending.add_metric([using], found["count"])
    oldest.add_metric([using], max(age, 0.0))
    for worker in workers().values():
        kept = RefusedMessage.objects.using(using).filter(queue=worker.queue)
        refused.add_metric([using, worker.queue], kept.count())
    close_old_connections()
    return [pending, oldest, refused]


def _measure_queues() -> list[GaugeMetricFamily]:
    waiting = _waiting()
    for worker in workers().values():
        for queue in (worker.queue, dead_queue(worker.queue)):
            waiting.add_metric([queue], broker().depth(queue))
    return [waiting]
