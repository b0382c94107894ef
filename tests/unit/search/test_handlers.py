"""The handlers of `search_tweets`. Each event is handled twice."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from elasticsearch.dsl import connections

from accounts.models import User
from accounts.services import delete_user, restore, suspend
from common.errors import Unavailable
from common.ids import new_id
from messaging.broker import Message, broker
from messaging.events import (
    AuthorSliced,
    Event,
    TweetCreated,
    TweetDeleted,
    UserDeleted,
    UserRestored,
    UserSuspended,
    encode,
)
from messaging.worker import Delivery
from search.handlers import SLICES, WORKER
from search.index import index
from tests.support.factories import UserFactory
from tests.support.search import document, found_ids

# Handles events. Returns the tags of those that become dead letters.
Handle = Callable[..., set[int]]

AUTHOR = 1


@pytest.fixture(autouse=True)
def author(db: None) -> None:
    """The author of tweets that name no other."""
    UserFactory.create(id=AUTHOR)


def deliver(*bodies: tuple[str, bytes]) -> set[int]:
    """Returns the tags of the messages that become dead letters. The first message has tag 0."""
    return WORKER.process(
        [
            Delivery(tag=tag, message_id=str(tag), routing_key=key, body=body)
            for tag, (key, body) in enumerate(bodies)
        ]
    )


@pytest.fixture
def handle(refresh: Callable[[], None]) -> Handle:
    def handle(*events: Event) -> set[int]:
        bodies = [(event.routing_key, encode(event).encode()) for event in events]
        dead = deliver(*bodies) | deliver(*bodies)
        refresh()
        return dead

    return handle


def created(
    content: str = "hello", *, user_id: int = AUTHOR, id: int | None = None
) -> TweetCreated:
    return TweetCreated(
        id=id or new_id(),
        user_id=user_id,
        content=content,
        parent_id=None,
        created_at=timezone.now(),
    )


def deleted(event: TweetCreated) -> TweetDeleted:
    return TweetDeleted(id=event.id, user_id=event.user_id, deleted_at=timezone.now())


def now() -> datetime:
    return timezone.now()


def test_a_created_tweet_is_found(handle: Handle) -> None:
    event = created()
    handle(event)

    assert found_ids("hello") == [event.id]


def test_a_deleted_tweet_is_not_found(handle: Handle) -> None:
    event = created()
    handle(event, deleted(event))

    assert found_ids("hello") == []


def test_a_tweet_whose_creation_is_handled_after_its_deletion_is_not_found(handle: Handle) -> None:
    event = created()
    handle(deleted(event))
    handle(event)

    assert found_ids("hello") == []


def test_more_tweets_than_fit_in_a_bulk_request_are_indexed(handle: Handle) -> None:
    first = new_id()
    handle(*(created(id=first + n) for n in range(1_200)))

    assert len(found_ids("hello", limit=2_000)) == 1_200


@pytest.mark.django_db(transaction=True)
def test_a_suspended_authors_tweets_are_hidden_until_the_author_is_restored(
    handle: Handle, alice: User, bob: User
) -> None:
    hers, his = created(user_id=alice.id), created(user_id=bob.id)
    handle(hers, his)

    suspend(user_id=alice.id)
    handle(UserSuspended(id=alice.id, at=now()))
    assert found_ids("hello") == [his.id]

    handle(hers)  # late
    assert found_ids("hello") == [his.id]

    restore(user_id=alice.id)
    handle(UserRestored(id=alice.id, at=now()))
    assert set(found_ids("hello")) == {hers.id, his.id}


@pytest.mark.django_db(transaction=True)
def test_a_prolific_author_is_hidden_and_shown_slice_by_slice(
    handle: Handle,
    alice: User,
    drain: Callable[[], None],
    refresh: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.handlers.SLICE", 2)
    hers = [created(user_id=alice.id) for _ in range(7)]
    handle(*hers)

    suspend(user_id=alice.id)
    handle(UserSuspended(id=alice.id, at=now()))
    assert len(found_ids("hello")) == 5
    drain()
    refresh()
    assert found_ids("hello") == []

    restore(user_id=alice.id)
    handle(UserRestored(id=alice.id, at=now()))
    assert len(found_ids("hello")) == 2
    drain()
    refresh()
    assert len(found_ids("hello")) == 7


@pytest.mark.django_db(transaction=True)
def test_a_slice_uses_the_authors_present_state(
    handle: Handle, alice: User, refresh: Callable[[], None]
) -> None:
    event = created(user_id=alice.id)
    suspend(user_id=alice.id)
    handle(event)
    restore(user_id=alice.id)

    late = AuthorSliced(user_id=alice.id, after_id=1, at=now())
    body = encode(late).encode()
    delivery = Delivery(tag=1, message_id="1", routing_key=late.routing_key, body=body)
    for _ in range(2):
        assert SLICES.process([delivery]) == set()
        refresh()
        assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_a_tweet_indexed_after_its_authors_suspension_is_hidden_until_the_author_is_restored(
    handle: Handle, alice: User
) -> None:
    late = created(user_id=alice.id)
    suspend(user_id=alice.id)
    handle(UserSuspended(id=alice.id, at=now()))
    handle(late)
    assert found_ids("hello") == []

    restore(user_id=alice.id)
    handle(UserRestored(id=alice.id, at=now()))
    assert found_ids("hello") == [late.id]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["the tweet", "the suspension"])
def test_a_worker_whose_clock_is_ahead_does_not_keep_a_restored_author_hidden(
    handle: Handle, alice: User, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    event = created(user_id=alice.id)
    if first == "the tweet":
        handle(event)
    suspend(user_id=alice.id)
    ahead = SimpleNamespace(
        time=lambda: time.time() + 2, time_ns=lambda: time.time_ns() + 2_000_000_000
    )
    with monkeypatch.context() as clock:
        clock.setattr("search.handlers.time", ahead)
        clock.setattr("search.index.time", ahead)
        handle(UserSuspended(id=alice.id, at=now()) if first == "the tweet" else event)
    assert found_ids("hello") == []

    restore(user_id=alice.id)
    handle(UserRestored(id=alice.id, at=now()))
    assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_a_document_with_a_version_in_milliseconds_is_shown_again(
    handle: Handle, alice: User, write: Callable[..., None]
) -> None:
    next_year_ms = int((now() + timedelta(days=365)).timestamp() * 1000)
    old = document(1, user_id=alice.id, hidden=True, version=next_year_ms)
    write(old)

    handle(UserRestored(id=alice.id, at=now()))
    assert found_ids("hello") == [old.id]


def test_a_tweet_is_found_though_accounts_is_down(
    handle: Handle, take_down: Callable[[str], None]
) -> None:
    event = created()
    take_down("accounts")

    assert handle(event) == set()
    assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_an_outdated_suspension_hides_nothing(handle: Handle, alice: User) -> None:
    event = created(user_id=alice.id)
    handle(event)
    handle(UserSuspended(id=alice.id, at=now()))  # she is restored already

    assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_a_deleted_tweet_stays_hidden_when_its_author_is_restored(
    handle: Handle, alice: User
) -> None:
    event = created(user_id=alice.id)
    suspend(user_id=alice.id)
    handle(event, UserSuspended(id=alice.id, at=now()), deleted(event))
    restore(user_id=alice.id)
    handle(UserRestored(id=alice.id, at=now()))

    assert found_ids("hello") == []


@pytest.mark.django_db(transaction=True)
def test_a_deleted_authors_tweets_are_not_found(handle: Handle, alice: User) -> None:
    handle(created(user_id=alice.id))
    delete_user(user_id=alice.id)
    handle(UserDeleted(id=alice.id, at=now()))

    assert found_ids("hello") == []


@pytest.mark.parametrize(
    ("routing_key", "body"),
    [
        ("tweet.created", b"no JSON"),
        ("tweet.created", b"[]"),
        ("tweet.created", b'{"id": "007", "user_id": "1"}'),
        ("tweet.deleted", b'{"id": "7"}'),
        ("user.suspended", b'{"id": "x", "at": "2026-01-01T00:00:00Z"}'),
        ("user.followed", b"{}"),
        ("of.no.type", b"{}"),
    ],
)
def test_only_the_unreadable_message_becomes_a_dead_letter(
    routing_key: str, body: bytes, refresh: Callable[[], None]
) -> None:
    before, after = created(), created()

    dead = deliver(
        (before.routing_key, encode(before).encode()),
        (routing_key, body),
        (after.routing_key, encode(after).encode()),
    )
    refresh()

    assert dead == {1}
    assert set(found_ids("hello")) == {before.id, after.id}


@pytest.mark.real
def test_a_message_that_the_index_refuses_becomes_a_dead_letter(handle: Handle) -> None:
    connections.get_connection().indices.create(
        index="tweets",
        mappings={"properties": {"user_id": {"type": "integer"}}},
        settings={"index.mapping.ignore_malformed": False},
    )
    good, refused = created(), created(user_id=2**40)

    assert handle(good, refused) == {1}
    assert found_ids("hello") == [good.id]


def test_messages_stay_in_the_queue_while_the_index_is_down(
    db: None, empty_queues: None, closed_index: None
) -> None:
    event = created()
    body = encode(event).encode()
    message = Message(message_id="1", routing_key=event.routing_key, body=body, timestamp=0)
    broker().publish([message])

    with pytest.raises(Unavailable):
        broker().run_once(WORKER)
    broker().close()  # closing returns the unacknowledged message

    index.cache_clear()
    assert broker().depth(WORKER.queue) == 1
