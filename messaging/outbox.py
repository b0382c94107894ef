"""Publishing: an event commits with the change that it tells of, or not at all."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count

from django.db import IntegrityError, connections
from django.utils import timezone

from common.db import alias, atomic, on_commit
from common.ids import new_ids
from messaging import wakeup
from messaging.events import Event, encode
from messaging.models import OutboxEvent

# Published events are kept for questions of the kind "was it ever sent?".
KEPT = timedelta(days=2)
_PRUNE_BATCH = 5000
_DRAWS = 5


def publish(*events: Event, service: str) -> None:
    """Writes the events into the service's open transaction; its commit wakes the relay."""
    using = alias(service)
    if not connections[using].in_atomic_block:
        raise RuntimeError("an event is published in the transaction of the change it tells of")
    for attempt in count(1):
        try:
            with atomic(service):  # a savepoint, since the change itself must not be lost
                _insert(events, using)
            break
        except IntegrityError:  # an id was taken
            if attempt == _DRAWS:
                raise
    on_commit(service, lambda: wakeup.wake(using))


def _insert(events: Sequence[Event], using: str) -> None:
    now = timezone.now()
    OutboxEvent.objects.using(using).bulk_create(
        [
            OutboxEvent(id=id, routing_key=event.routing_key, body=encode(event), created_at=now)
            for id, event in zip(new_ids(len(events)), events, strict=True)
        ],
        batch_size=1000,
    )


def prune(using: str) -> int:
    """Deletes a batch of the events that were published long ago. Returns how many."""
    old = OutboxEvent.objects.using(using).filter(published_at__lt=timezone.now() - KEPT)
    ids = list(old.order_by("published_at").values_list("id", flat=True)[:_PRUNE_BATCH])
    OutboxEvent.objects.using(using).filter(id__in=ids).delete()
    return len(ids)
