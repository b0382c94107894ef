"""From the outbox to the broker, at least once, in the order of the events' ids."""

import logging
import threading
import time
from collections.abc import Sequence

from django.db import close_old_connections, transaction
from django.utils import timezone

from common.backoff import waits
from common.db import aliases
from common.errors import OUTAGES, Unavailable
from common.metrics import OUTBOX_PUBLISHED
from messaging import loops, wakeup
from messaging.broker import Broker, Message, broker
from messaging.models import OutboxEvent
from messaging.outbox import prune
from messaging.worker import workers

BATCH = 500
_TIMER_SECONDS = 1.0
_PRUNE_SECONDS = 60.0

log = logging.getLogger(__name__)


def relay_batch(using: str, to: Broker, limit: int = BATCH) -> int:
    """Publishes the oldest pending events and marks them. Returns how many.

    The rows stay locked until the broker has confirmed, so that two relays share the work. One that
    dies in between leaves the rows unmarked, and they are published again.
    """
    with transaction.atomic(using=using):  # noqa: TID251 by alias: the relay serves any service
        events = list(
            OutboxEvent.objects.using(using).pending().select_for_update(skip_locked=True)[:limit]
        )
        if not events:
            return 0
        to.publish([_message(event) for event in events])
        OutboxEvent.objects.using(using).filter(id__in=[event.id for event in events]).update(
            published_at=timezone.now()
        )
    OUTBOX_PUBLISHED.labels(using).inc(len(events))
    return len(events)


def relay_all(to: Broker) -> int:
    """Publishes until nothing is pending. Returns how many events that were."""
    total = 0
    for using in aliases():
        while count := relay_batch(using, to):
            total += count
    return total


def run(stop: threading.Event) -> None:
    """Relays until `stop`, through outages of the broker and of the databases."""
    to = broker()
    pauses = waits()
    declared = False
    prune_at = time.monotonic()
    while not stop.is_set():
        try:
            close_old_connections()
            if not declared:
                to.declare(list(workers().values()))
                declared = True
            relay_all(to)
            loops.mark(loops.RELAY, up=True)
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + _PRUNE_SECONDS
                _prune_all(aliases(), stop)
            wakeup.wait(aliases(), _TIMER_SECONDS)
            pauses = waits()
        except (Unavailable, *OUTAGES) as error:
            pause = next(pauses)
            log.warning("the relay can't go on, next attempt in %.1f s: %s", pause, error)
            loops.mark(loops.RELAY, up=False)
            declared = False
            stop.wait(pause)


def _prune_all(databases: Sequence[str], stop: threading.Event) -> None:
    for using in databases:
        while not stop.is_set() and prune(using):
            pass


def _message(event: OutboxEvent) -> Message:
    return Message(
        message_id=str(event.id),
        routing_key=event.routing_key,
        body=event.body.encode(),
        timestamp=int(event.created_at.timestamp()),
    )
