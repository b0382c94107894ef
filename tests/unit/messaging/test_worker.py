from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from common.errors import NotFound, Unavailable
from messaging.events import Event, TweetDeleted, UserRestored, encode
from messaging.worker import Delivery, Handler, Worker

AT = datetime(2026, 11, 23, tzinfo=UTC)


def deliver(tag: int, event: Event) -> Delivery:
    return Delivery(
        tag=tag,
        message_id=f"m{tag}",
        routing_key=event.routing_key,
        body=encode(event).encode(),
    )


def deleted(tag: int) -> Delivery:
    return deliver(tag, TweetDeleted(id=tag, user_id=1, deleted_at=AT))


def worker(**handlers: Handler) -> Worker:
    return Worker(queue="q", handlers={name.replace("_", "."): h for name, h in handlers.items()})


def failing_on(tag: int, error: Exception) -> tuple[Handler, list[int]]:
    """A handler that fails on one event, and the ids of the events that it handled."""
    handled: list[int] = []

    def handle(events: Sequence[TweetDeleted]) -> None:
        if any(event.id == tag for event in events):
            raise error
        handled.extend(event.id for event in events)

    return handle, handled


def test_a_handler_gets_the_events_of_its_type_in_one_batch():
    seen: list[list[int]] = []
    handle: Callable[[Sequence[TweetDeleted]], None] = lambda events: seen.append(  # noqa: E731
        [event.id for event in events]
    )
    assert worker(tweet_deleted=handle).process([deleted(1), deleted(2), deleted(3)]) == set()
    assert seen == [[1, 2, 3]]


def test_unreadable_messages_and_unhandled_types_become_dead_letters():
    handle, handled = failing_on(0, NotFound("never"))
    junk = Delivery(tag=2, message_id="m2", routing_key="tweet.deleted", body=b"junk")
    unbound = deliver(3, UserRestored(id=5, at=AT))
    assert worker(tweet_deleted=handle).process([deleted(1), junk, unbound, deleted(4)]) == {2, 3}
    assert handled == [1, 4]


def test_only_the_event_on_which_the_handler_fails_becomes_a_dead_letter():
    handle, handled = failing_on(2, ValueError("a bug"))
    assert worker(tweet_deleted=handle).process([deleted(1), deleted(2), deleted(3)]) == {2}
    assert handled == [1, 3]


@pytest.mark.parametrize(
    "outage",
    [
        Unavailable("accounts is down"),
        OperationalError("gone"),
        OutOfMemoryError("Redis is full"),
        ReadOnlyError("Redis has become a replica"),
    ],
)
def test_an_outage_keeps_every_message(outage: Exception):
    handle, _ = failing_on(2, outage)
    with pytest.raises(Unavailable):
        worker(tweet_deleted=handle).process([deleted(1), deleted(2), deleted(3)])


def test_a_queue_is_bound_to_the_types_that_its_worker_handles():
    handle, _ = failing_on(0, ValueError())
    assert worker(user_restored=handle, tweet_deleted=handle).bindings == [
        "tweet.deleted",
        "user.restored",
    ]
