"""Publishes the events of the outbox to the broker, at least once, in the order of their ids.

A full queue refuses its messages. The relay stores them in the database and publishes them again
when the queue has room, so the other queues get theirs without delay.
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

from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from common.backoff import waits
from common.db import aliases
from common.errors import OUTAGES, Unavailable
from common.observability import tracing
from common.observability.metrics import OUTBOX_PUBLISHED
from messaging import loop_health, wakeup
from messaging.broker import Broker, Message, broker
from messaging.models import OutboxEvent, RefusedMessage
from messaging.pruning import prune_batch
from messaging.worker import Worker, workers

BATCH = 500
TIMER_SECONDS = 1.0  # the outbox is read this often without a wake-up
RETRY_REFUSED_SECONDS = 1.0
PRUNE_SECONDS = 60.0
# The pause between two batches of old rows, so that many of them delay no pending event.
PRUNE_BATCH_SECONDS = 1.0

log = logging.getLogger(__name__)


def relay_batch(using: str, to: Broker, limit: int = BATCH) -> int:
    """Publishes the oldest pending events and marks them as published. Returns their number.

    The rows stay locked until the broker has confirmed them, so two relays share the work. If a
    relay dies in between, the rows stay unmarked and are published again.
    """
    with _atomic(using):
        pending = OutboxEvent.objects.using(using).pending().select_for_update(skip_locked=True)
        events = pending.values_list("id", "routing_key", "body", "created_at", "traceparent")
        messages = [_message(*event) for event in events[:limit]]
        if not messages:
            return 0
        refused = _publish(messages, to)
        _mark(using, (message.message_id for message in messages))
        _store_refused(using, refused)
    OUTBOX_PUBLISHED.labels(using).inc(len(messages))
    return len(messages)


def relay_all(to: Broker) -> int:
    """Publishes all pending events and refused messages. Returns their number."""
    total = 0
    for using in aliases():
        while count := relay_batch(using, to) + publish_refused(using, to):
            total += count
    return total


def publish_refused(using: str, to: Broker, limit: int = BATCH) -> int:
    """Publishes the messages that full queues refused to these queues again, oldest first.

    Returns the number that the queues accepted.
    """
    if not RefusedMessage.objects.using(using).exists():
        return 0
    return sum(_publish_to_queue(using, to, worker, limit) for worker in workers().values())


def _publish_to_queue(using: str, to: Broker, worker: Worker, limit: int) -> int:
    kept = RefusedMessage.objects.using(using).filter(queue=worker.queue)
    if not kept.exists():
        return 0
    to.declare([worker])  # without its queue, RabbitMQ would confirm and drop the messages
    with _atomic(using):
        rows = list(kept.order_by("id").select_for_update(skip_locked=True)[:limit])
        refused = {m.message_id for m in _publish([_read_refused(row) for row in rows], to)}
        accepted = [row.id for row in rows if row.message_id not in refused]
        kept.filter(id__in=accepted).delete()
    return len(accepted)


def _store_refused(using: str, refused: Sequence[Message]) -> None:
    if not refused:
        return
    queues = Counter(message.queue for message in refused)
    for queue, count in queues.items():
        log.warning("%s is full: stored %d refused messages in the database", queue, count)
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


def _read_refused(row: RefusedMessage) -> Message:
    return Message(
        message_id=row.message_id,
        routing_key=row.routing_key,
        body=bytes(row.body),
        timestamp=row.timestamp,
        traceparent=row.traceparent,
        queue=row.queue,
    )


def run(stop: threading.Event) -> None:
    """Runs until `stop` is set. Each database has a thread, so an outage of one delays no other."""
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
    """Retries after outages of the broker and the database. All threads share the set `down`."""
    to = broker()
    pauses = waits()
    declared = False
    retry_at = prune_at = time.monotonic()
    while not stop.is_set():
        try:
            close_old_connections()
            if not declared:
                to.declare(list(workers().values()))
                declared = True
            found = relay_batch(using, to)
            down.discard(using)
            loop_health.mark(loop_health.RELAY, up=not down)
            if time.monotonic() >= retry_at:
                accepted = publish_refused(using, to)
                found += accepted
                retry_at = time.monotonic() + (0.0 if accepted else RETRY_REFUSED_SECONDS)
            if time.monotonic() >= prune_at:
                pruned = prune_batch(using)
                pause = PRUNE_BATCH_SECONDS if pruned else PRUNE_SECONDS
                prune_at = time.monotonic() + pause
            # does not wait after a batch, because more events may be pending
            wakeup.wait(using, 0.0 if found else TIMER_SECONDS)
            pauses = waits()
        except (Unavailable, *OUTAGES) as error:
            pause = next(pauses)
            log.warning(
                "could not relay the outbox of database %s, retrying in %.1f s: %s",
                using, pause, error,
            )  # fmt: skip
            down.add(using)
            loop_health.mark(loop_health.RELAY, up=False)
            declared = False
            stop.wait(pause)
    to.close()
    connections.close_all()


def _mark(using: str, ids: Iterable[str]) -> None:
    """Uses SQL, because the ORM takes longer for 500 parameters than the database for the rows."""
    connection = connections[using]
    table = connection.ops.quote_name(OutboxEvent._meta.db_table)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET published_at = %s WHERE id IN ({', '.join(ids)})",  # noqa: S608 our ids
            [now],
        )


def _atomic(using: str) -> AbstractContextManager[None]:
    return transaction.atomic(using=using)  # noqa: TID251 takes a database, not a service


def _publish(messages: Sequence[Message], to: Broker) -> list[Message]:
    """Publishes, with a span in the trace of each traced message."""
    with ExitStack() as spans:
        if tracing.is_on():
            messages = [_trace(message, spans) for message in messages]
        return to.publish(messages)


def _trace(message: Message, spans: ExitStack) -> Message:
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
