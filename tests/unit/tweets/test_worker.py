"""The worker handles events in any order, and repeated ones."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts import services as accounts_services
from accounts.models import TweetCount, User
from common.errors import Unavailable
from messaging.broker import broker, dead_queue
from messaging.models import OutboxEvent
from messaging.worker import Delivery
from tests.support.factories import TweetFactory
from tweets import services
from tweets.handlers import WORKER
from tweets.models import Like, Tweet


def deliveries() -> list[Delivery]:
    """All events so far that the worker is bound to, in order."""
    events = OutboxEvent.objects.filter(routing_key__in=WORKER.bindings).order_by("id")
    return [
        Delivery(
            tag=number,
            message_id=str(event.id),
            routing_key=event.routing_key,
            body=event.body.encode(),
        )
        for number, event in enumerate(events)
    ]


def num_tweets(user: User) -> int:
    user.refresh_from_db()
    return user.num_tweets


def test_it_is_bound_to_the_events_that_it_handles() -> None:
    assert WORKER.queue == "tweet_counters"
    assert {"tweet.created", "tweet.deleted", "user.deleted"} <= {*WORKER.bindings}


def test_accounts_counts_tweets(
    as_alice: APIClient, alice: User, bob: User, drain: Callable[[], None]
) -> None:
    tweets = [as_alice.post("/tweet", {"content": "hello"}).json()["tweet"] for _ in range(3)]
    services.reply(user_id=alice.id, parent_id=int(tweets[0]["id"]), content="hi")
    services.repost(user_id=bob.id, tweet_id=int(tweets[0]["id"]))
    drain()
    assert (num_tweets(alice), num_tweets(bob)) == (4, 0)

    as_alice.delete(f"/tweet/{tweets[0]['id']}")
    drain()
    assert (num_tweets(alice), num_tweets(bob)) == (3, 0)
    assert broker().depth(dead_queue(WORKER.queue)) == 0


def test_a_repeated_event_counts_once(alice: User) -> None:
    tweet = services.post_tweet(user_id=alice.id, content="hello")
    for _ in range(2):
        assert WORKER.process(deliveries()) == set()
    assert num_tweets(alice) == 1

    services.remove_tweets([tweet.id])
    for _ in range(2):
        assert WORKER.process(deliveries()) == set()
    assert num_tweets(alice) == 0


def test_the_idempotency_key_is_the_events(alice: User) -> None:
    tweet = services.post_tweet(user_id=alice.id, content="hello")
    WORKER.process(deliveries())
    assert TweetCount.objects.get().key == f"tweet.created:{tweet.id}"


def test_a_deletion_handled_before_its_creation_counts_zero(alice: User) -> None:
    tweet = services.post_tweet(user_id=alice.id, content="hello")
    services.remove_tweets([tweet.id])
    created, deleted = deliveries()
    assert WORKER.process([deleted]) == set()
    assert WORKER.process([created]) == set()
    assert num_tweets(alice) == 0


def test_any_order_gives_the_same_count(alice: User) -> None:
    tweets = [services.post_tweet(user_id=alice.id, content="hello") for _ in range(5)]
    services.remove_tweets([tweet.id for tweet in tweets[:2]])
    shuffled = deliveries() * 2
    random.Random(7).shuffle(shuffled)
    for delivery in shuffled:
        assert WORKER.process([delivery]) == set()
    assert num_tweets(alice) == 3


def test_events_of_a_deleted_author_are_not_dead_lettered(alice: User) -> None:
    tweet = services.post_tweet(user_id=alice.id, content="hello")
    services.remove_tweets([tweet.id])
    accounts_services.delete_user(user_id=alice.id)
    assert WORKER.process(deliveries()) == set()


def test_it_retries_while_accounts_is_down(alice: User, accounts_down: Callable[[], None]) -> None:
    services.post_tweet(user_id=alice.id, content="hello")
    accounts_down()
    with pytest.raises(Unavailable):
        WORKER.process(deliveries())


def test_a_repeated_deletion_deletes_remaining_rows_once(alice: User, bob: User) -> None:
    tweet = services.post_tweet(user_id=alice.id, content="hello")
    services.like(tweet_id=tweet.id, user_id=bob.id)
    services.repost(tweet_id=tweet.id, user_id=bob.id)
    likes, entries = list(Like.objects.all()), list(Tweet.objects.reposts())
    services.remove_tweets([tweet.id])
    # as if the request had left them to the worker
    Like.objects.bulk_create(likes)
    Tweet.objects.bulk_create(entries)
    OutboxEvent.objects.filter(routing_key="tweet.unreposted").delete()

    for _ in range(2):
        assert WORKER.process(deliveries()) == set()

    assert (Like.objects.count(), Tweet.objects.count()) == (0, 0)
    assert OutboxEvent.objects.filter(routing_key="tweet.unreposted").count() == 1


def test_a_repeated_account_deletion_deletes_its_tweets_once(alice: User, bob: User) -> None:
    TweetFactory.create(user_id=alice.id)
    kept = TweetFactory.create(user_id=bob.id)
    accounts_services.delete_user(user_id=alice.id)
    for _ in range(2):
        assert WORKER.process(deliveries()) == set()
    assert [tweet.id for tweet in Tweet.objects.all()] == [kept.id]
    assert OutboxEvent.objects.filter(routing_key="tweet.deleted").count() == 1


@pytest.mark.parametrize(
    ("routing_key", "body"),
    [
        ("tweet.created", b"nonsense"),
        ("tweet.created", b"{}"),
        ("tweet.deleted", b'{"id":"x","user_id":"7","deleted_at":"2026-11-23T00:00:00Z"}'),
        ("user.deleted", b'{"id":7}'),
        ("user.updated", b"{}"),
        ("made.up", b"{}"),
    ],
)
def test_a_malformed_message_is_dead_lettered_and_the_others_are_handled(
    alice: User, routing_key: str, body: bytes
) -> None:
    services.post_tweet(user_id=alice.id, content="hello")
    poison = Delivery(tag=99, message_id="7", routing_key=routing_key, body=body)
    assert WORKER.process([poison, *deliveries()]) == {99}
    assert num_tweets(alice) == 1


def test_the_command_needs_a_broker(settings: Any) -> None:
    settings.RABBITMQ_URL = None
    with pytest.raises(CommandError, match="RABBITMQ_URL"):
        call_command("run_tweets_worker")
