"""What the tests of accounts ask of an answer, and of what was told."""

from typing import Any

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
    return list(OutboxEvent.objects.order_by("id").values_list("routing_key", flat=True))
