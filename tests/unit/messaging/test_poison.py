"""Unreadable messages become dead letters with a reason. All other messages are handled."""

import json
import logging
import struct
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import hypothesis
import pika
import pytest
from django.conf import settings
from django.test import TestCase
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pika import BasicProperties

from common.errors import Unavailable
from common.ids import MAX_ID
from deploy.local.conditions import wait_until
from messaging.broker import broker, dead_queue
from messaging.events import EVENTS, Event, FanOutSliced, TweetDeleted, encode
from messaging.worker import MAX_BODY_BYTES, Delivery, Worker, workers

AT = datetime(2026, 11, 23, tzinfo=UTC)
LONGEST_REASON = 500
EXCHANGE = "test_poison"


class Recorder:
    """A worker that handles every type and records the events."""

    def __init__(self, queue: str = "test_poison") -> None:
        self.handled: list[Event] = []
        self.worker = Worker(queue=queue, handlers=dict.fromkeys(EVENTS, self.handled.extend))


def good(number: int) -> TweetDeleted:
    return TweetDeleted(id=number, user_id=1, deleted_at=AT)


def deliver(tag: int, routing_key: str, body: bytes) -> Delivery:
    return Delivery(tag=tag, message_id=f"m{tag}", routing_key=routing_key, body=body)


def wire(event: Event) -> tuple[str, bytes]:
    return event.routing_key, encode(event).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
ids = st.one_of(
    st.integers(1, MAX_ID).map(str),
    st.sampled_from(["0", "-1", "007", "+5", str(MAX_ID + 1), "9" * 5000, "", "٣", 5, 5.0, None]),
)
times = st.one_of(
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now", "", 0, None]),
)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: ids,
    int | None: ids,
    tuple[int, ...]: st.lists(ids, max_size=4) | json_values,
    str: st.text() | json_values,
    datetime: times,
}


@st.composite
def shaped(draw: Callable[..., Any]) -> tuple[str, bytes]:
    """A message of a known type, with missing, extra or wrong fields."""
    event = EVENTS[draw(st.sampled_from(sorted(EVENTS)))]
    body = {f.name: draw(VALUES[f.type] | json_values) for f in fields(event)}
    for name in draw(st.sets(st.sampled_from(sorted(body)), max_size=1)):
        del body[name]
    body |= draw(st.dictionaries(st.text(max_size=8), json_values, max_size=1))
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    return event.routing_key, text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16"])))


keys = st.sampled_from(sorted(EVENTS)) | st.text(max_size=20)
DEEP = 100_000
LARGE = 4_000_000
raw = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"[" * DEEP + b"]" * DEEP,
            b'{"a":' * DEEP + b"1" + b"}" * DEEP,
            b'"' + b"a" * LARGE + b'"',
            b'{"id":"' + b"1" * 60_000 + b'","user_id":"1","deleted_at":"2026-11-23T00:00:00Z"}',
            b'{"id":' + b"1" * 60_000 + b',"user_id":"1","deleted_at":"2026-11-23T00:00:00Z"}',
            b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
            b"\xef\xbb\xbf{}",
            b"NaN",
            b'"\\ud800"',
        ]
    ),
)
message = st.one_of(shaped(), st.tuples(keys, raw))
suppressed = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
]


@given(messages=st.lists(message, min_size=1, max_size=6))
@hypothesis.settings(max_examples=300, deadline=None, suppress_health_check=suppressed)
def test_unreadable_messages_become_dead_letters_and_others_are_handled(
    caplog: pytest.LogCaptureFixture, messages: list[tuple[str, bytes]]
) -> None:
    caplog.clear()
    recorder = Recorder()
    mixed = [wire(good(1))]
    for number, bad in enumerate(messages):
        mixed += [bad, wire(good(number + 2))]

    dead = recorder.worker.process([deliver(tag, *pair) for tag, pair in enumerate(mixed)])

    handled = [*recorder.handled]
    assert len(handled) + len(dead) == len(mixed)
    assert all(tag % 2 for tag in dead)
    for event in handled:
        assert EVENTS[event.routing_key] is type(event)
    reasons = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(reasons) == len(dead)
    assert all(len(reason) < LONGEST_REASON for reason in reasons)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"junk", "not JSON: unexpected character"),
        (b"[1]", "not a JSON object: [1]"),
        (b"{}", "id is missing"),
        (b'{"id":7}', "id is not an id: 7"),
        (b'{"id":"7","user_id":["8"]}', "user_id is not an id: ['8']"),
        (
            b'{"id":"7","user_id":"8","deleted_at":"0001-01-01T00:00:00+14:00"}',
            "deleted_at is not a time with a zone: '0001-01-01T00:00:00+14:00'",
        ),
        (b'{"id":"' + b"1" * 60_000 + b'"}', "id is not an id: '" + "1" * 99 + "…"),
        (b" " * MAX_BODY_BYTES + b"{}", "larger than 65536 bytes"),
        (b"[" * 60_000 + b"]" * 5000, "not JSON: "),
    ],
)
def test_the_reason_names_the_field(
    caplog: pytest.LogCaptureFixture, body: bytes, reason: str
) -> None:
    assert Recorder().worker.process([deliver(7, "tweet.deleted", body)]) == {7}
    (record,) = caplog.records
    assert f"dead letter 'm7' (tweet.deleted): {reason}" in record.getMessage()


@st.composite
def readable(draw: Callable[..., Any]) -> Event:
    """A readable event about accounts and tweets that don't exist."""
    number = st.integers(1, MAX_ID)
    within: dict[Any, st.SearchStrategy[Any]] = {
        int: number,
        int | None: st.none() | number,
        tuple[int, ...]: st.lists(number, max_size=4).map(tuple),
        str: st.text(max_size=300),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }
    event = EVENTS[draw(st.sampled_from(sorted(EVENTS)))]
    return event(**{f.name: draw(within[f.type]) for f in fields(event)})


@given(events=st.lists(readable(), min_size=1, max_size=5))
@hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=suppressed)
def test_events_about_missing_objects_do_not_end_a_worker(db: None, events: list[Event]) -> None:
    # `action` must be one of two words
    slices = {n for n, event in enumerate(events) if isinstance(event, FanOutSliced)}
    for worker in workers().values():
        deliveries = [deliver(tag, *wire(event)) for tag, event in enumerate(events)]
        with TestCase.captureOnCommitCallbacks(execute=True):
            dead = worker.process(deliveries)
        foreign = {n for n, event in enumerate(events) if event.routing_key not in worker.handlers}
        assert dead - slices == foreign - slices


# The following tests need RabbitMQ, because embedded messages have no properties.


class Malformed(BasicProperties):
    """Properties that a foreign client may have written."""

    def __init__(self, table: bytes) -> None:
        super().__init__()
        self._table = table

    def encode(self) -> list[bytes]:
        """The headers' flag, and the headers."""
        return [
            struct.pack(">H", BasicProperties.FLAG_HEADERS),
            struct.pack(">I", len(self._table)),
            self._table,
        ]


def nested(depth: int) -> bytes:
    table = b""
    for _ in range(depth):
        table = b"\x01aF" + struct.pack(">I", len(table)) + table
    return table


ODD: dict[str, Any] = {
    "none at all": BasicProperties(),
    "a time in milliseconds": Malformed(b"\x02atT" + struct.pack(">Q", 1_800_000_000_000)),
    "a table in a table in a table": Malformed(nested(3000)),
    "not UTF-8": Malformed(b"\x02\xff\xfeS" + struct.pack(">I", 2) + b"\xff\xfe"),
    "an unreadable traceparent": BasicProperties(headers={"traceparent": ["x"]}),
    "an odd type": BasicProperties(type="tweet.deleted\n\x1b", message_id="\n"),
}


@pytest.fixture
def channel() -> Iterator[Any]:
    with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
        made = connection.channel()
        made.confirm_delivery()
        yield made


@pytest.fixture
def consumed(channel: Any) -> Iterator[Recorder]:
    """A recorder whose empty queue is bound to `EXCHANGE` and consumed by a thread."""
    recorder = Recorder()
    queue = recorder.worker.queue
    broker().declare([recorder.worker])
    for name in (queue, dead_queue(queue)):
        channel.queue_purge(name)
    channel.exchange_declare(EXCHANGE, exchange_type="topic")
    channel.queue_bind(queue, EXCHANGE, "tweet.deleted")
    stop = threading.Event()
    thread = threading.Thread(target=broker().consume, args=(recorder.worker, stop))
    thread.start()
    yield recorder
    stop.set()
    thread.join(10)
    for name in (queue, dead_queue(queue)):
        channel.queue_delete(name)
    channel.exchange_delete(EXCHANGE)


def publish(channel: Any, body: bytes, properties: Any = None) -> None:
    channel.basic_publish(EXCHANGE, "tweet.deleted", body, properties)


@pytest.mark.real
@pytest.mark.parametrize("properties", ODD.values(), ids=ODD)
def test_odd_properties_lose_no_message_and_end_no_worker(
    consumed: Recorder, channel: Any, properties: BasicProperties
) -> None:
    queue = dead_queue(consumed.worker.queue)
    is_unknown = bool(properties.type)

    publish(channel, encode(good(1)).encode(), properties)
    publish(channel, b"junk", properties)
    publish(channel, encode(good(2)).encode())

    wait_until(lambda: good(2) in consumed.handled)
    wait_until(lambda: broker().depth(queue) == 1 + is_unknown)
    assert consumed.handled == [good(1), good(2)][is_unknown:]
    broker().close()
    wait_until(lambda: broker().dead_letters(consumed.worker, 10))


@pytest.mark.real
def test_a_dead_letter_without_a_type_keeps_its_routing_key(
    consumed: Recorder, channel: Any
) -> None:
    queue = dead_queue(consumed.worker.queue)
    publish(channel, b"junk")
    wait_until(lambda: broker().depth(queue) == 1)

    (dead,) = broker().dead_letters(consumed.worker, 10)

    assert dead.routing_key == "tweet.deleted"


@pytest.mark.real
def test_large_bodies_are_cut_in_memory(consumed: Recorder, channel: Any) -> None:
    number, size = 12, 8_000_000
    large = b'"' + b"a" * size + b'"'
    tracemalloc.start()
    try:
        for _ in range(number):
            publish(channel, large)
        publish(channel, encode(good(1)).encode())

        wait_until(lambda: consumed.handled == [good(1)])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    wait_until(lambda: broker().depth(dead_queue(consumed.worker.queue)) == number)
    assert peak < number * size / 2


@pytest.mark.real
def test_a_worker_declares_its_queue_again_after_a_deletion(
    consumed: Recorder, channel: Any
) -> None:
    queue = consumed.worker.queue
    publish(channel, encode(good(1)).encode())
    wait_until(lambda: consumed.handled == [good(1)])

    channel.queue_delete(queue)

    def is_back() -> bool:
        with suppress(Unavailable):
            return bool(broker().depth(queue) == 0)
        return False

    wait_until(is_back)
    channel.queue_bind(queue, EXCHANGE, "tweet.deleted")
    publish(channel, encode(good(2)).encode())
    wait_until(lambda: consumed.handled == [good(1), good(2)])
