import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections as databases
from django.utils import timezone
from elasticsearch.dsl import connections

from accounts.models import User
from accounts.services import suspend
from common.errors import Unavailable
from grpc_services.clients import tweets
from messaging.broker import broker
from messaging.relay import relay_all
from search import rebuild as rebuilding
from search.handlers import WORKER
from search.index import TOMBSTONES_KEPT, Superseded, Tombstone, index
from search.rebuild import rebuild
from tests.support.factories import TweetFactory
from tests.support.search import Write, document, found_ids
from tweets.models import Tweet
from tweets.services import post_tweet, remove_tweets

Refresh = Callable[[], None]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("empty_index")]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "PAGE", 5)


def existing_ids() -> set[int]:
    return set(Tweet.objects.values_list("id", flat=True))


def test_a_rebuild_fills_an_empty_index(alice: User) -> None:
    tweets = [TweetFactory.create(user_id=alice.id, content="hello") for _ in range(12)]

    assert rebuild() == 12

    assert set(found_ids("hello")) == {tweet.id for tweet in tweets}


def test_a_rebuild_removes_surplus_documents_and_can_be_repeated(alice: User, write: Write) -> None:
    tweet = TweetFactory.create(user_id=alice.id, content="hello")
    write(document(1), document(2))

    for _ in range(3):
        rebuild()

        assert found_ids("hello") == [tweet.id]


def test_tweets_of_suspended_authors_are_loaded_hidden(alice: User, bob: User) -> None:
    TweetFactory.create(user_id=alice.id, content="hello")
    his = TweetFactory.create(user_id=bob.id, content="hello")
    suspend(user_id=alice.id)

    rebuild()

    assert found_ids("hello") == [his.id]
    assert len(index().find_by_author(alice.id, limit=10).items) == 1


def test_changes_during_a_rebuild_are_indexed(
    alice: User, small_pages: None, drain: Callable[[], None], refresh: Refresh
) -> None:
    """After each page, a loaded tweet and a later tweet are deleted, and one is posted."""
    for _ in range(20):
        TweetFactory.create(user_id=alice.id, content="hello")

    def change(page: Any) -> None:
        later = Tweet.objects.filter(id__gt=page[-1].id).order_by("-id").first()
        remove_tweets([page[0].id] + ([later.id] if later else []))
        post_tweet(user_id=alice.id, content="hello again")
        drain()

    rebuild(change)
    drain()
    refresh()

    assert set(found_ids("hello")) == existing_ids()


def test_changes_during_a_rebuild_are_indexed_by_a_worker_that_runs_later(
    alice: User, small_pages: None, drain: Callable[[], None], refresh: Refresh
) -> None:
    for _ in range(20):
        TweetFactory.create(user_id=alice.id, content="hello")

    def change(page: Any) -> None:
        remove_tweets([page[0].id])
        post_tweet(user_id=alice.id, content="hello again")

    rebuild(change)
    drain()
    refresh()

    assert set(found_ids("hello")) == existing_ids()


@pytest.mark.slow
def test_a_rebuild_may_run_beside_writers(
    alice: User, small_pages: None, empty_queues: None, drain: Callable[[], None], refresh: Refresh
) -> None:
    for _ in range(60):
        TweetFactory.create(user_id=alice.id, content="hello")
    done = threading.Event()
    failures: list[Exception] = []

    def act() -> None:
        try:
            while not done.is_set():
                post_tweet(user_id=alice.id, content="hello there")
                ids = list(Tweet.objects.order_by("?").values_list("id", flat=True)[:2])
                remove_tweets(ids[:1] if len(ids) > 40 else ids)
                relay_all(broker())
                broker().run_once(WORKER)
        except Exception as error:
            failures.append(error)
        finally:
            broker().close()
            databases.close_all()

    actor = threading.Thread(target=act)
    actor.start()
    try:
        for _ in range(3):
            rebuild()
    finally:
        done.set()
        actor.join()
    drain()
    refresh()

    assert failures == []
    assert set(found_ids("hello")) == existing_ids()


def test_a_rebuild_keeps_recent_tombstones_only(write: Write) -> None:
    recent, old = document(1), document(2)
    write(
        Tombstone(id=recent.id, deleted_at=timezone.now()),
        Tombstone(id=old.id, deleted_at=timezone.now() - TOMBSTONES_KEPT - timedelta(hours=1)),
    )

    rebuild()
    write(recent, old)  # their late creation

    assert found_ids("hello") == [old.id]


def test_a_rebuild_replaces_one_that_was_killed(alice: User, write: Write) -> None:
    tweet = TweetFactory.create(user_id=alice.id, content="hello")
    killed = index().rebuild()
    killed.load([document(1)])

    rebuild()

    assert found_ids("hello") == [tweet.id]


def test_a_rebuild_fails_after_another_has_started(write: Write) -> None:
    write(document(1))
    first, second = index().rebuild(), index().rebuild()
    second.load([document(2)])

    with pytest.raises(Superseded):
        first.finish()
    second.finish()

    assert len(found_ids("hello")) == 1


def test_a_failed_rebuild_leaves_the_index_unchanged(
    alice: User, write: Write, take_down: Callable[[str], None]
) -> None:
    entry = document(1)
    write(entry)
    TweetFactory.create(user_id=alice.id, content="hello")
    take_down("accounts")

    with pytest.raises(Unavailable):
        rebuild()

    assert found_ids("hello") == [entry.id]


@pytest.mark.real
def test_a_rebuild_replaces_the_index_by_an_alias_and_leaves_no_other_index(
    write: Write,
) -> None:
    client = connections.get_connection()
    write(document(1))
    assert list(client.indices.get(index="tweets*")) == ["tweets"]

    for _ in range(2):
        rebuild()

        [name] = client.indices.get(index="tweets*")
        assert name.startswith("tweets-2")
        aliases = client.indices.get_alias(index=name)[name]["aliases"]
        assert list(aliases) == ["tweets"]


def test_the_command_prints_the_number_of_tweets(alice: User) -> None:
    TweetFactory.create(user_id=alice.id)
    out = StringIO()

    call_command("rebuild_search", stdout=out)

    assert out.getvalue() == "1 tweets in the new search index\n"


def test_the_command_fails_after_another_rebuild_has_started(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    TweetFactory.create(user_id=alice.id)
    find = tweets.list_tweets

    def start_another(**query: Any) -> Any:
        index().rebuild()
        return find(**query)

    monkeypatch.setattr(tweets, "list_tweets", start_another)

    with pytest.raises(CommandError, match="another rebuild_search has started"):
        call_command("rebuild_search")
