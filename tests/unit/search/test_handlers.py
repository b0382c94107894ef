"""The news of `search_tweets`, each told twice."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

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

Tell = Callable[..., set[int]]

AUTHOR = 1


@pytest.fixture(autouse=True)
def author(db: None) -> None:
    """Whose tweets these are, where nothing else is said."""
    UserFactory.create(id=AUTHOR)


def deliver(*bodies: tuple[str, bytes]) -> set[int]:
    """The tags (counted from 0) of the messages that become dead letters."""
    return WORKER.process(
        [
            Delivery(tag=tag, message_id=str(tag), routing_key=key, body=body)
            for tag, (key, body) in enumerate(bodies)
        ]
    )


@pytest.fixture
def tell(refresh: Callable[[], None]) -> Tell:
    def tell(*events: Event) -> set[int]:
        bodies = [(event.routing_key, encode(event).encode()) for event in events]
        dead = deliver(*bodies) | deliver(*bodies)
        refresh()
        return dead

    return tell


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


def test_a_tweet_that_is_created_is_found(tell: Tell) -> None:
    event = created()
    tell(event)

    assert found_ids("hello") == [event.id]


def test_a_tweet_that_is_deleted_is_not_found(tell: Tell) -> None:
    event = created()
    tell(event, deleted(event))

    assert found_ids("hello") == []


def test_the_order_of_creation_and_deletion_does_not_matter(tell: Tell) -> None:
    event = created()
    tell(deleted(event))
    tell(event)

    assert found_ids("hello") == []


def test_it_takes_more_than_a_bulk_request_holds(tell: Tell) -> None:
    first = new_id()
    tell(*(created(id=first + n) for n in range(1_200)))

    assert len(found_ids("hello", limit=2_000)) == 1_200


@pytest.mark.django_db(transaction=True)
def test_a_suspended_authors_tweets_are_hidden_until_the_author_is_back(
    tell: Tell, alice: User, bob: User
) -> None:
    hers, his = created(user_id=alice.id), created(user_id=bob.id)
    tell(hers, his)

    suspend(user_id=alice.id)
    tell(UserSuspended(id=alice.id, at=now()))
    assert found_ids("hello") == [his.id]

    tell(hers)  # late
    assert found_ids("hello") == [his.id]

    restore(user_id=alice.id)
    tell(UserRestored(id=alice.id, at=now()))
    assert set(found_ids("hello")) == {hers.id, his.id}


@pytest.mark.django_db(transaction=True)
def test_a_prolific_author_is_hidden_and_shown_slice_by_slice(
    tell: Tell,
    alice: User,
    drain: Callable[[], None],
    refresh: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.handlers.SLICE", 2)
    hers = [created(user_id=alice.id) for _ in range(7)]
    tell(*hers)

    suspend(user_id=alice.id)
    tell(UserSuspended(id=alice.id, at=now()))
    assert len(found_ids("hello")) == 5
    drain()
    refresh()
    assert found_ids("hello") == []

    restore(user_id=alice.id)
    tell(UserRestored(id=alice.id, at=now()))
    assert len(found_ids("hello")) == 2
    drain()
    refresh()
    assert len(found_ids("hello")) == 7


@pytest.mark.django_db(transaction=True)
def test_a_slice_asks_how_the_author_is_now(
    tell: Tell, alice: User, refresh: Callable[[], None]
) -> None:
    event = created(user_id=alice.id)
    suspend(user_id=alice.id)
    tell(event)
    restore(user_id=alice.id)

    late = AuthorSliced(user_id=alice.id, after_id=1, at=now())
    body = encode(late).encode()
    delivery = Delivery(tag=1, message_id="1", routing_key=late.routing_key, body=body)
    for _ in range(2):
        assert SLICES.process([delivery]) == set()
        refresh()
        assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_a_tweet_that_comes_after_its_authors_suspension_is_hidden_until_the_author_is_back(
    tell: Tell, alice: User
) -> None:
    late = created(user_id=alice.id)
    suspend(user_id=alice.id)
    tell(UserSuspended(id=alice.id, at=now()))
    tell(late)
    assert found_ids("hello") == []

    restore(user_id=alice.id)
    tell(UserRestored(id=alice.id, at=now()))
    assert found_ids("hello") == [late.id]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["the tweet", "the suspension"])
def test_a_worker_whose_clock_is_ahead_does_not_keep_a_restored_author_hidden(
    tell: Tell, alice: User, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    event = created(user_id=alice.id)
    if first == "the tweet":
        tell(event)
    suspend(user_id=alice.id)
    ahead = SimpleNamespace(
        time=lambda: time.time() + 2, time_ns=lambda: time.time_ns() + 2_000_000_000
    )
    with monkeypatch.context() as clock:
        clock.setattr("search.handlers.time", ahead)
        clock.setattr("search.index.time", ahead)
        tell(UserSuspended(id=alice.id, at=now()) if first == "the tweet" else event)
    assert found_ids("hello") == []

    restore(user_id=alice.id)
    tell(UserRestored(id=alice.id, at=now()))
    assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_a_document_with_a_version_in_milliseconds_is_shown_again(
    tell: Tell, alice: User, write: Callable[..., None]
) -> None:
    next_year_ms = int((now() + timedelta(days=365)).timestamp() * 1000)
    old = document(1, user_id=alice.id, hidden=True, version=next_year_ms)
    write(old)

    tell(UserRestored(id=alice.id, at=now()))
    assert found_ids("hello") == [old.id]


def test_a_tweet_is_found_though_accounts_is_down(
    tell: Tell, take_down: Callable[[str], None]
) -> None:
    event = created()
    take_down("accounts")

    assert tell(event) == set()
    assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_old_news_of_an_author_do_not_count(tell: Tell, alice: User) -> None:
    event = created(user_id=alice.id)
    tell(event)
    tell(UserSuspended(id=alice.id, at=now()))  # and restored since

    assert found_ids("hello") == [event.id]


@pytest.mark.django_db(transaction=True)
def test_a_tweet_deleted_meanwhile_does_not_come_back_with_its_author(
    tell: Tell, alice: User
) -> None:
    event = created(user_id=alice.id)
    suspend(user_id=alice.id)
    tell(event, UserSuspended(id=alice.id, at=now()), deleted(event))
    restore(user_id=alice.id)
    tell(UserRestored(id=alice.id, at=now()))

    assert found_ids("hello") == []


@pytest.mark.django_db(transaction=True)
def test_a_deleted_authors_tweets_are_not_found(tell: Tell, alice: User) -> None:
    tell(created(user_id=alice.id))
    delete_user(user_id=alice.id)
    tell(UserDeleted(id=alice.id, at=now()))

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
def test_a_message_that_cannot_be_read_is_set_aside_alone(
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
def test_a_message_that_the_index_refuses_is_set_aside(tell: Tell) -> None:
    connections.get_connection().indices.create(
        index="tweets",
        mappings={"properties": {"user_id": {"type": "integer"}}},
        settings={"index.mapping.ignore_malformed": False},
    )
    good, refused = created(), created(user_id=2**40)

    assert tell(good, refused) == {1}
    assert found_ids("hello") == [good.id]


@pytest.fixture
def closed_index(settings: Any) -> Iterator[None]:
    connections.create_connection("closed", hosts="http://127.0.0.1:1", max_retries=0)
    backend = "search.backends.elasticsearch.ElasticsearchIndex"
    settings.SEARCH_INDEX = {"BACKEND": backend, "connection": "closed"}
    index.cache_clear()
    yield
    index.cache_clear()


def test_while_the_index_is_down_messages_wait(
    db: None, empty_queues: None, closed_index: None
) -> None:
    event = created()
    body = encode(event).encode()
    message = Message(message_id="1", routing_key=event.routing_key, body=body, timestamp=0)
    broker().publish([message])

    with pytest.raises(Unavailable):
        broker().run_once(WORKER)
    broker().close()  # a consumer that ends gives back what it holds

    index.cache_clear()
    assert broker().depth(WORKER.queue) == 1
