"""Work that a worker does a slice a message."""

from datetime import timedelta
from typing import TypeVar, cast

from django.utils import timezone

from common.db import alias
from common.ids import first_id_at
from messaging.events import Event, decode
from messaging.models import OutboxEvent

E = TypeVar("E", bound=Event)

# Longer than a message takes, which publishes the one for the next slice.
_LONGEST = timedelta(minutes=5)


def published_lately(event: type[E], *, service: str) -> list[E]:
    """The messages of this type that a worker handles now, or will soon."""
    bodies = (
        OutboxEvent.objects.using(alias(service))
        .filter(routing_key=event.routing_key, id__gt=first_id_at(timezone.now() - _LONGEST))
        .values_list("body", flat=True)
    )
    return [cast(E, decode(event.routing_key, body.encode())) for body in bodies]
