"""Deletion of tweets, and of a deleted account's rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as accounts_services
from accounts.models import User
from common.db import alias
from common.ids import new_id
from common.redis.client import redis_client
from hydration.codec import tweet_key
from messaging.events import TweetDeleted, decode
from messaging.models import OutboxEvent
from tests.support.factories import TweetFactory, UserFactory
from tests.support.responses import assert_refused, published
from tweets import handlers, selectors, services
from tweets.models import Like, Tweet
from tweets.services import deletion


def events_of(routing_key: str) -> list[Any]:
    events = OutboxEvent.objects.using(alias("tweets")).filter(routing_key=routing_key)
    return [decode(event.routing_key, event.body.encode()) for event in events.order_by("id")]


def make_popular(tweet: Tweet, rows: int) -> list[int]:
    """Creates this many likes and reposts. Returns the ids of the reposts."""
    likes = [Like(tweet=tweet, user_id=number) for number in range(1, rows + 1)]
    Like.objects.bulk_create(likes)
    ids = [new_id() for _ in range(rows)]
    Tweet.objects.bulk_create(
        Tweet(id=id, user_id=number, repost_of=tweet, created_at=tweet.created_at)
        for number, id in enumerate(ids, start=1)
    )
    Tweet.objects.filter(id=tweet.id).update(num_likes=rows, num_reposts=rows)
    return ids


def test_the_author_deletes_a_tweet(as_alice: APIClient, alice: User, tweet: Tweet) -> None:
    answer = as_alice.delete(f"/tweet/{tweet.id}")

    assert (answer.status_code, answer.json()) == (200, {"message": "tweet deleted"})
    assert not Tweet.objects.exists()
    [event] = events_of("tweet.deleted")
    assert (event.id, event.user_id) == (tweet.id, alice.id)
    assert_refused(as_alice.get(f"/tweet/{tweet.id}"), 404)


def test_a_deleted_tweet_is_not_found_again(as_alice: APIClient, tweet: Tweet) -> None:
    as_alice.delete(f"/tweet/{tweet.id}")
    assert_refused(as_alice.delete(f"/tweet/{tweet.id}"), 404)
    assert published() == ["tweet.deleted"]


def test_another_user_cannot_delete_it(as_bob: APIClient, tweet: Tweet) -> None:
    assert_refused(as_bob.delete(f"/tweet/{tweet.id}"), 403)
    assert Tweet.objects.exists()
    assert published() == []


def test_deleting_a_hidden_tweet_of_another_user_is_not_found(
    as_bob: APIClient, alice: User, tweet: Tweet
) -> None:
    accounts_services.suspend(user_id=alice.id)
    assert_refused(as_bob.delete(f"/tweet/{tweet.id}"), 404)


def test_deleting_needs_a_token(api: APIClient, tweet: Tweet) -> None:
    assert_refused(api.delete(f"/tweet/{tweet.id}"), 401)


def test_the_id_of_a_repost_is_not_found(as_alice: APIClient, alice: User, tweet: Tweet) -> None:
    services.repost(tweet_id=tweet.id, user_id=alice.id)
    entry = Tweet.objects.reposts().get()
    assert_refused(as_alice.delete(f"/tweet/{entry.id}"), 404)
    assert Tweet.objects.count() == 2


def test_replies_stay_with_parent_deleted(as_alice: APIClient, bob: User, tweet: Tweet) -> None:
    reply = services.reply(user_id=bob.id, parent_id=tweet.id, content="hi")
    as_alice.delete(f"/tweet/{tweet.id}")
    shown = as_alice.get(f"/tweet/{reply.id}").json()["tweet"]
    assert (shown["parent_id"], shown["parent_deleted"]) == (str(tweet.id), True)


def test_deleting_a_reply_decrements_its_parents_counter(
    alice: User, bob: User, tweet: Tweet
) -> None:
    reply = services.reply(user_id=bob.id, parent_id=tweet.id, content="hi")
    services.delete_tweet(tweet_id=reply.id, user_id=bob.id)
    tweet.refresh_from_db()
    assert tweet.num_replies == 0


def test_likes_and_reposts_are_deleted_with_the_tweet(alice: User, bob: User, tweet: Tweet) -> None:
    services.like(tweet_id=tweet.id, user_id=bob.id)
    services.repost(tweet_id=tweet.id, user_id=bob.id)
    entry = Tweet.objects.reposts().get()

    services.delete_tweet(tweet_id=tweet.id, user_id=alice.id)

    assert (Like.objects.count(), Tweet.objects.count()) == (0, 0)
    [event] = events_of("tweet.unreposted")
    assert (event.id, event.tweet_id, event.user_id) == (entry.id, tweet.id, bob.id)
    assert event.author_id == alice.id


def test_a_popular_tweets_remaining_reposts_are_hidden_until_the_worker_deletes_them(
    alice: User, tweet: Tweet
) -> None:
    rows = 2 * deletion.BATCH + 1
    entries = make_popular(tweet, rows)

    services.delete_tweet(tweet_id=tweet.id, user_id=alice.id)
    left = list(Tweet.objects.values_list("id", flat=True))
    assert len(left) == Like.objects.count() == rows - deletion.BATCH
    assert selectors.get_tweets(left) == []

    services.clear_remains({tweet.id: alice.id}, batches=10)
    assert (Like.objects.count(), Tweet.objects.count()) == (0, 0)
    assert sorted(event.id for event in events_of("tweet.unreposted")) == sorted(entries)


def test_one_message_deletes_a_limited_number_of_batches(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch, drain: Callable[[], None]
) -> None:
    monkeypatch.setattr(deletion, "BATCH", 2)
    monkeypatch.setattr(handlers, "BATCHES", 2)
    tweet = TweetFactory.create(user_id=alice.id)
    TweetFactory.create_batch(9, user_id=bob.id, parent_id=tweet.id)
    make_popular(tweet, 9)
    other = TweetFactory.create(user_id=alice.id)
    replies = Tweet.objects.filter(parent_id=tweet.id).values_list("id", flat=True)
    cached = [tweet_key(id) for id in replies]
    redis = redis_client()
    redis.mset(dict.fromkeys(cached, "with a parent"))
    events = [
        TweetDeleted(id=deleted.id, user_id=alice.id, deleted_at=timezone.now())
        for deleted in (tweet, other)
    ]
    Tweet.objects.filter(id__in=[tweet.id, other.id]).delete()

    handlers.count_deleted(events)
    assert (Like.objects.count(), Tweet.objects.reposts().count()) == (5, 5)
    assert redis.exists(*cached) == 5
    [rest] = events_of("tweets.remains_sliced")
    assert (rest.tweet_id, rest.user_id) == (tweet.id, alice.id)

    drain()
    assert (Like.objects.count(), Tweet.objects.reposts().count()) == (0, 0)
    assert redis.exists(*cached) == 0
    assert len(events_of("tweets.remains_sliced")) == 2


def test_the_number_of_queries_does_not_grow_with_likes_and_reposts(alice: User) -> None:
    numbers = set()
    for rows in (deletion.BATCH, 3 * deletion.BATCH):
        tweet = TweetFactory.create(user_id=alice.id)
        make_popular(tweet, rows)
        with CaptureQueriesContext(connections[alias("tweets")]) as queries:
            services.delete_tweet(tweet_id=tweet.id, user_id=alice.id)
        numbers.add(len(queries))
    assert len(numbers) == 1
    assert numbers.pop() < 20


def test_clear_remains_skips_a_tweet_that_exists(alice: User, bob: User, tweet: Tweet) -> None:
    services.like(tweet_id=tweet.id, user_id=bob.id)
    services.repost(tweet_id=tweet.id, user_id=bob.id)
    services.clear_remains({tweet.id: alice.id}, batches=10)
    assert (Like.objects.count(), Tweet.objects.count()) == (1, 2)


def test_removing_many_replies_updates_their_parents_counter(alice: User, bob: User) -> None:
    parent = TweetFactory.create(user_id=alice.id)
    replies = [
        services.reply(user_id=bob.id, parent_id=parent.id, content="hi").id for _ in range(5)
    ]
    grandchild = services.reply(user_id=alice.id, parent_id=replies[0], content="ho")
    ids = TweetFactory.create_batch(deletion.BATCH, user_id=bob.id)

    removed = services.remove_tweets([*replies[:3], *(tweet.id for tweet in ids), 7])

    assert removed == deletion.BATCH + 3
    parent.refresh_from_db()
    assert parent.num_replies == 2
    assert selectors.get_tweet(grandchild.id).parent_deleted
    assert len(events_of("tweet.deleted")) == removed


# A deleted account's rows


def test_tweets_reposts_and_likes_are_deleted_with_the_account(
    alice: User, bob: User, drain: Callable[[], None]
) -> None:
    kept = TweetFactory.create(user_id=bob.id)
    written = services.post_tweet(user_id=alice.id, content="hello")
    reply = services.reply(user_id=alice.id, parent_id=kept.id, content="hi")
    answer = services.reply(user_id=bob.id, parent_id=written.id, content="ho")
    for tweet_id in (kept.id, written.id):
        for user in (alice, bob):
            services.like(tweet_id=tweet_id, user_id=user.id)
            services.repost(tweet_id=tweet_id, user_id=user.id)
    entry = Tweet.objects.reposts().get(user_id=alice.id, repost_of=kept.id)

    accounts_services.delete_user(user_id=alice.id)
    drain()

    bobs = Tweet.objects.get(repost_of=kept.id)
    assert set(Tweet.objects.values_list("id", flat=True)) == {kept.id, answer.id, bobs.id}
    assert list(Like.objects.values_list("tweet_id", "user_id")) == [(kept.id, bob.id)]
    kept.refresh_from_db()
    assert (kept.num_likes, kept.num_replies, kept.num_reposts) == (1, 0, 1)
    assert {event.id for event in events_of("tweet.deleted")} == {written.id, reply.id}
    assert entry.id in {event.id for event in events_of("tweet.unreposted")}
    assert [event.tweet_id for event in events_of("tweet.unliked")] == [kept.id]
    bob.refresh_from_db()
    assert bob.num_tweets == 1  # the reply; the factory publishes no event


def test_removing_a_user_works_in_batches_and_is_idempotent(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH", 3)
    tweets = TweetFactory.create_batch(8, user_id=bob.id)
    TweetFactory.create_batch(8, user_id=alice.id)
    for tweet in tweets:
        services.like(tweet_id=tweet.id, user_id=alice.id)
        services.repost(tweet_id=tweet.id, user_id=alice.id)

    for _ in range(2):
        services.remove_user(alice.id)
        assert not Tweet.objects.filter(user_id=alice.id).exists()
        assert not Like.objects.exists()
        assert set(Tweet.objects.values_list("num_likes", "num_reposts")) == {(0, 0)}
        assert len(events_of("tweet.deleted")) == 8
        assert len(events_of("tweet.unreposted")) == len(events_of("tweet.unliked")) == 8


def test_a_repeated_removal_resumes_an_interrupted_one(alice: User, bob: User) -> None:
    """After a crash, some tweets are deleted, and their likes and reposts are not."""
    gone, kept = TweetFactory.create_batch(2, user_id=bob.id)
    for tweet in (gone, kept):
        services.like(tweet_id=tweet.id, user_id=alice.id)
        services.repost(tweet_id=tweet.id, user_id=alice.id)
    Tweet.objects.filter(id=gone.id).delete()
    TweetFactory.create(user_id=alice.id)

    services.remove_user(alice.id)
    services.clear_remains({gone.id: bob.id}, batches=10)

    assert [tweet.id for tweet in Tweet.objects.all()] == [kept.id]
    assert not Like.objects.exists()


def test_each_deleted_tweet_has_an_event_of_its_own(alice: User, tweet: Tweet) -> None:
    other = UserFactory.create()
    services.remove_tweets([tweet.id, TweetFactory.create(user_id=other.id).id])
    deleted: list[TweetDeleted] = events_of("tweet.deleted")
    assert {event.user_id for event in deleted} == {alice.id, other.id}
