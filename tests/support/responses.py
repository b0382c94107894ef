"""What the tests of accounts ask of an answer, and of what was told."""

from typing import Any

from common.db import aliases
from messaging.models import OutboxEvent


def assert_refused(answer: Any, status: int, *fields: str) -> None:
    """It is an error of this status, in the one shape, and names exactly these fields."""
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields"}
    assert set(body["error"]["fields"]) == set(fields), body


def told() -> list[str]:
    """The routing keys of all events so far, in order."""
    events = [row for using in aliases() for row in OutboxEvent.objects.using(using).all()]
    return [event.routing_key for event in sorted(events, key=lambda event: event.id)]
