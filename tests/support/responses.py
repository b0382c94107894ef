"""Assertions on responses, and on the events that a request published."""

from typing import Any

from rest_framework import serializers

from common.db import aliases
from messaging.models import OutboxEvent


def assert_refused(response: Any, status: int, *fields: str) -> None:
    """The response is an error envelope with this status that names exactly these fields."""
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields"}
    assert set(body["error"]["fields"]) == set(fields), body


def assert_shaped(value: Any, shape: Any) -> None:
    """The value has every required field of the serializer and no unknown one, at every depth."""
    if isinstance(shape, serializers.ListSerializer):
        assert value, "an empty list proves nothing"
        for item in value:
            assert_shaped(item, shape.child)
        return
    assert isinstance(shape, serializers.Serializer)
    assert set(value) <= set(shape.fields)
    assert {name for name, field in shape.fields.items() if field.required} <= set(value)
    for name, field in shape.fields.items():
        if isinstance(field, serializers.BaseSerializer) and name in value:
            assert_shaped(value[name], field)


def published() -> list[str]:
    """The routing keys of all events in the outbox, oldest first."""
    events = [row for using in aliases() for row in OutboxEvent.objects.using(using).all()]
    return [event.routing_key for event in sorted(events, key=lambda event: event.id)]
