"""How a message looks to RabbitMQ and to us."""

from contextlib import suppress
from typing import Any

from pika.spec import BasicProperties

from common.observability import tracing
from messaging.broker import Message
from messaging.worker import MAX_BODY_BYTES, Delivery


def read_delivery(method: Any, properties: BasicProperties, body: bytes) -> Delivery:
    """Of a body that is too large no more is kept than shows it: a thousand may be prefetched."""
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
    """Also of a dead letter, whose own routing key is the name of its queue."""
    deaths: Any = (properties.headers or {}).get("x-death")
    with suppress(TypeError, LookupError):  # anyone may write anything there
        return _text(properties.type or deaths[-1]["routing-keys"][0])
    return _text(method.routing_key)


def _text(found: Any) -> str:
    """pika leaves as bytes what is no UTF-8."""
    return found.decode(errors="backslashreplace") if isinstance(found, bytes) else str(found or "")


def _traceparent(properties: BasicProperties) -> str | None:
    found = (properties.headers or {}).get(tracing.HEADER)
    return found if isinstance(found, str) else None


def make_properties(message: Message) -> BasicProperties:
    return BasicProperties(
        message_id=message.message_id,
        type=message.routing_key,
        timestamp=message.timestamp,
        content_type="application/json",
        delivery_mode=2,
        headers={tracing.HEADER: message.traceparent} if message.traceparent else None,
    )
