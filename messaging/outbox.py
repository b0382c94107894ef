"""Publishing: an event commits with the change that it tells of, or not at all."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connections
from django.db.models import Model
from django.utils import timezone

from common import db
from common.db import alias, on_commit, with_new_id
from common.ids import new_ids
from common.observability import tracing
from common.postgresql.statements import Increment, insert_together
from messaging import wakeup
from messaging.events import Event, encode
from messaging.models import OutboxEvent

# Published events are kept for questions of the kind "was it ever sent?".
KEPT = timedelta(days=2)
# SQLite takes 999 values in a statement where it is old.
_BATCH = 240


def publish(*events: Event, service: str) -> None:
    """Writes the events into the service's open transaction; its commit wakes the relay."""
    using = alias(service)
    if not connections[using].in_atomic_block:
        raise RuntimeError("an event is published in the transaction of the change it tells of")
    _insert(events, using)
    on_commit(service, lambda: wakeup.wake(using))


def write_and_publish(
    *rows: Model, event: Event, service: str, counted: Increment | None = None
) -> bool:
    """`insert_together` of the rows and the event that tells of them: a transaction of its own."""

    def write(id: int) -> bool:
        news = OutboxEvent(
            id=id,
            routing_key=event.routing_key,
            body=encode(event),
            created_at=timezone.now(),
            traceparent=tracing.traceparent(),
        )
        return insert_together(service, *rows, news, counted=counted)

    is_written = with_new_id(write, model=OutboxEvent)
    if is_written:
        on_commit(service, lambda: wakeup.wake(alias(service)))
    return is_written


def _insert(events: Sequence[Event], using: str) -> None:
    """One statement, and no savepoint in case an id is taken: those events are given others."""
    traceparent = tracing.traceparent()
    connection = connections[using]
    created_at = connection.ops.adapt_datetimefield_value(timezone.now())
    table = connection.ops.quote_name(OutboxEvent._meta.db_table)
    left = list(events)
    while left:
        batch = dict(zip(new_ids(len(left[:_BATCH])), left, strict=False))
        rows = [
            (id, event.routing_key, encode(event), created_at, traceparent)
            for id, event in batch.items()
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (id, routing_key, body, created_at, traceparent) "  # noqa: S608 our name
                f"VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * len(rows))} "
                "ON CONFLICT (id) DO NOTHING RETURNING id",
                [value for row in rows for value in row],
            )
            written = {id for (id,) in cursor.fetchall()}
        left = [event for id, event in batch.items() if id not in written] + left[len(batch) :]


def prune(using: str) -> int:
    """Deletes a batch of the events that were published long ago. Returns how many."""
    old = OutboxEvent.objects.using(using).filter(published_at__lt=timezone.now() - KEPT)
    return db.prune(old, by="published_at")
