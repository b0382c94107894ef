"""Finds recent events of sliced work."""

from datetime import timedelta
from typing import TypeVar, cast

from django.utils import timezone

from common.db import alias
from common.ids import first_id_at
from messaging.events import Event, decode
from messaging.models import OutboxEvent

E = TypeVar("E", bound=Event)

# Longer than one slice takes. Each slice publishes the message for the next.
_MAX_AGE = timedelta(minutes=5)


def recently_published(event: type[E], *, service: str) -> list[E]:
    """The events of this type that may still be in progress."""
    bodies = (
        OutboxEvent.objects.using(alias(service))
        .filter(routing_key=event.routing_key, id__gt=first_id_at(timezone.now() - _MAX_AGE))
        .values_list("body", flat=True)
    )
    return [cast(E, decode(event.routing_key, body.encode())) for body in bodies]
