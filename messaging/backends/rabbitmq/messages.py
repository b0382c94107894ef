"""Converts between our messages and pika's."""

from contextlib import suppress
from typing import Any

from pika.spec import BasicProperties

from common.observability import tracing
from messaging.broker import Message
from messaging.worker import MAX_BODY_BYTES, Delivery


def read_delivery(method: Any, properties: BasicProperties, body: bytes) -> Delivery:
    """Cuts a body that is too large, because a thousand messages may be prefetched."""
    return Delivery(
        tag=method.delivery_tag,
        message_id=_text(properties.message_id),
        routing_key=_routing_key(method, properties),
        body=body[: MAX_BODY_BYTES + 1],
        traceparent=_traceparent(properties),
    )


def read_message(method: Any, properties: BasicProperties, body: bytes) -> Message:
    return Message(
        message_id=_text(properties.message_id),
        routing_key=_routing_key(method, properties),
        body=body,
        timestamp=properties.timestamp or 0,
        traceparent=_traceparent(properties),
    )


def _routing_key(method: Any, properties: BasicProperties) -> str:
    """The event's type. The routing key of a dead letter is the name of its queue instead."""
    deaths: Any = (properties.headers or {}).get("x-death")
    with suppress(TypeError, LookupError):  # a foreign client may have written anything
        return _text(properties.type or deaths[-1]["routing-keys"][0])
    return _text(method.routing_key)


def _text(value: Any) -> str:
    """pika returns bytes for text that is not valid UTF-8."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value or "")


def _traceparent(properties: BasicProperties) -> str | None:
    value = (properties.headers or {}).get(tracing.HEADER)
    return value if isinstance(value, str) else None


def make_properties(message: Message) -> BasicProperties:
    return BasicProperties(
        message_id=message.message_id,
        type=message.routing_key,
        timestamp=message.timestamp,
        content_type="application/json",
        delivery_mode=2,
        headers={tracing.HEADER: message.traceparent} if message.traceparent else None,
    )
