"""Publishes the events of the outbox to the broker, at least once, in the order of their ids.

A queue that is full refuses its messages. They wait in the database until the queue has room, so
the other queues get theirs meanwhile.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import datetime
from queue import SimpleQueue
from threading import Thread

from django.conf import settings
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from common.backoff import waits
from common.db import alias, aliases
from common.errors import OUTAGES, Unavailable
from common.observability import tracing
from common.observability.metrics import OUTBOX_PUBLISHED, ROWS_PRUNED
from messaging import loop_health, wakeup
from messaging.broker import Broker, Message, broker
from messaging.models import OutboxEvent, RefusedMessage
from messaging.outbox import prune
from messaging.worker import Worker, workers

BATCH = 500
_TIMER_SECONDS = 1.0
_OFFER_SECONDS = 1.0
_PRUNE_SECONDS = 60.0
# Between two batches of old events, so that a backlog of them delays no pending event.
_PRUNE_AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


def relay_batch(using: str, to: Broker, limit: int = BATCH) -> int:
    """Publishes the oldest pending events and marks them. Returns how many.

    The rows stay locked until the broker has confirmed, so that two relays share the work. One that
    dies in between leaves the rows unmarked, and they are published again.
    """
    with _atomic(using):
        pending = OutboxEvent.objects.using(using).pending().select_for_update(skip_locked=True)
        events = pending.values_list("id", "routing_key", "body", "created_at", "traceparent")
        messages = [_message(*event) for event in events[:limit]]
        if not messages:
            return 0
        refused = _publish(messages, to)
        _mark(using, (message.message_id for message in messages))
        _keep(using, refused)
    OUTBOX_PUBLISHED.labels(using).inc(len(messages))
    return len(messages)


def relay_all(to: Broker) -> int:
    """Publishes until nothing is pending. Returns how many events that were."""
    total = 0
    for using in aliases():
        while count := relay_batch(using, to) + offer_refused(using, to):
            total += count
    return total


def offer_refused(using: str, to: Broker, limit: int = BATCH) -> int:
    """Offers the messages that full queues refused to these queues again, the oldest of each first.

    Returns how many were taken.
    """
    if not RefusedMessage.objects.using(using).exists():
        return 0
    return sum(_offer(using, to, worker, limit) for worker in workers().values())


def _offer(using: str, to: Broker, worker: Worker, limit: int) -> int:
    kept = RefusedMessage.objects.using(using).filter(queue=worker.queue)
    if not kept.exists():
        return 0
    to.declare([worker])  # a deleted queue's messages would be confirmed and lost
    with _atomic(using):
        rows = list(kept.order_by("id").select_for_update(skip_locked=True)[:limit])
        refused = {m.message_id for m in _publish([_offered(row) for row in rows], to)}
        taken = [row.id for row in rows if row.message_id not in refused]
        kept.filter(id__in=taken).delete()
    return len(taken)


def _keep(using: str, refused: Sequence[Message]) -> None:
    if not refused:
        return
    queues = Counter(message.queue for message in refused)
    for queue, count in queues.items():
        log.warning("%s is full: it refused %d messages, which wait in the database", queue, count)
    RefusedMessage.objects.using(using).bulk_create(
        RefusedMessage(
            queue=str(message.queue),
            message_id=message.message_id,
            routing_key=message.routing_key,
            body=message.body,
            timestamp=message.timestamp,
            traceparent=message.traceparent,
        )
        for message in refused
    )


def _offered(row: RefusedMessage) -> Message:
    return Message(
        message_id=row.message_id,
        routing_key=row.routing_key,
        body=bytes(row.body),
        timestamp=row.timestamp,
        traceparent=row.traceparent,
        queue=row.queue,
    )


def run(stop: threading.Event) -> None:
    """Relays until `stop`. Each database has a thread, so that one in an outage delays no other."""
    down = set(aliases())
    ended = SimpleQueue[BaseException | None]()
    for using in aliases():
        name = f"relay-{using}"
        Thread(target=_run_thread, args=(using, stop, down, ended), name=name, daemon=True).start()
    for _ in aliases():
        if error := ended.get():
            raise error


def _run_thread(
    using: str, stop: threading.Event, down: set[str], ended: SimpleQueue[BaseException | None]
) -> None:
    try:
        _relay_database(using, stop, down)
    except BaseException as error:
        ended.put(error)
    else:
        ended.put(None)


def _relay_database(using: str, stop: threading.Event, down: set[str]) -> None:
    """Goes on through outages of the broker and the database. `down` is shared by all threads."""
    to = broker()
    pauses = waits()
    declared = False
    offer_at = prune_at = time.monotonic()
    while not stop.is_set():
        try:
            close_old_connections()
            if not declared:
                to.declare(list(workers().values()))
                declared = True
            found = relay_batch(using, to)
            down.discard(using)
            loop_health.mark(loop_health.RELAY, up=not down)
            if time.monotonic() >= offer_at:
                taken = offer_refused(using, to)
                found += taken
                offer_at = time.monotonic() + (0.0 if taken else _OFFER_SECONDS)
            if time.monotonic() >= prune_at:
                pruned = _prune(using)
                pause = _PRUNE_AGAIN_SECONDS if pruned else _PRUNE_SECONDS
                prune_at = time.monotonic() + pause
            # with more to do it only takes note of the wake-ups that came meanwhile
            wakeup.wait(using, 0.0 if found else _TIMER_SECONDS)
            pauses = waits()
        except (Unavailable, *OUTAGES) as error:
            pause = next(pauses)
            log.warning(
                "the relay can't go on with database %s, next attempt in %.1f s: %s",
                using, pause, error,
            )  # fmt: skip
            down.add(using)
            loop_health.mark(loop_health.RELAY, up=False)
            declared = False
            stop.wait(pause)
    to.close()
    connections.close_all()


def _prune(using: str) -> int:
    """Deletes a batch of each kind of old rows in the database, so that events never wait long."""
    pruned = _count_pruned("outbox", prune(using))
    for service in settings.SERVICES:
        if alias(service) != using:
            continue
        for path in settings.PRUNES.get(service, []):
            try:
                count = import_string(path)()
            except OUTAGES:
                raise
            except Exception:  # which must not keep events from being published
                log.exception("%s failed", path)
                count = 0
            pruned += _count_pruned(path.rpartition(".prune_")[2], count)
    return pruned


def _count_pruned(kind: str, count: int) -> int:
    ROWS_PRUNED.labels(kind).inc(count)
    return count


def _mark(using: str, ids: Iterable[str]) -> None:
    """Past the ORM, which takes longer for 500 parameters than the database for the rows."""
    connection = connections[using]
    table = connection.ops.quote_name(OutboxEvent._meta.db_table)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET published_at = %s WHERE id IN ({', '.join(ids)})",  # noqa: S608 our ids
            [now],
        )


def _atomic(using: str) -> AbstractContextManager[None]:
    return transaction.atomic(using=using)  # noqa: TID251 by alias: the relay serves any service


def _publish(messages: Sequence[Message], to: Broker) -> list[Message]:
    """In each traced message's own trace, where publishing is a step of its way."""
    with ExitStack() as spans:
        steps = [_step(message, spans) for message in messages] if tracing.is_on() else messages
        return to.publish(steps)


def _step(message: Message, spans: ExitStack) -> Message:
    if message.traceparent is None:
        return message
    name = f"publish {message.routing_key}"
    spans.enter_context(tracing.span(name, "producer", parent=message.traceparent))
    return replace(message, traceparent=tracing.traceparent())


def _message(
    id: int, routing_key: str, body: str, created_at: datetime, traceparent: str | None
) -> Message:
    return Message(
        message_id=str(id),
        routing_key=routing_key,
        body=body.encode(),
        timestamp=int(created_at.timestamp()),
        traceparent=traceparent,
    )
