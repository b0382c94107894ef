"""Publishes events: an event commits with the change that it describes, or not at all."""

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

# Published events are kept this long, to answer "was it ever sent?".
KEPT = timedelta(days=2)
# Rows in one statement. Old versions of SQLite accept 999 values.
_BATCH = 240


def publish(*events: Event, service: str) -> None:
    """Writes the events in the service's open transaction. Its commit wakes the relay."""
    using = alias(service)
    if not connections[using].in_atomic_block:
        raise RuntimeError(
            "publish needs the open transaction of the change that the event describes"
        )
    _insert(events, using)
    on_commit(service, lambda: wakeup.wake(using))


def write_and_publish(
    *rows: Model, event: Event, service: str, counted: Increment | None = None
) -> bool:
    """Inserts the rows and their event by `insert_together`, in a transaction of its own."""

    def write(id: int) -> bool:
        row = OutboxEvent(
            id=id,
            routing_key=event.routing_key,
            body=encode(event),
            created_at=timezone.now(),
            traceparent=tracing.traceparent(),
        )
        return insert_together(service, *rows, row, counted=counted)

    is_written = with_new_id(write, model=OutboxEvent)
    if is_written:
        on_commit(service, lambda: wakeup.wake(alias(service)))
    return is_written


def _insert(events: Sequence[Event], using: str) -> None:
    """Inserts by one statement. Inserts events whose new id is taken again, with another id."""
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
    """Deletes a batch of old published events. Returns their number."""
    old = OutboxEvent.objects.using(using).filter(published_at__lt=timezone.now() - KEPT)
    return db.prune(old, by="published_at")
