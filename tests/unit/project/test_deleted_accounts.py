"""All that a deleted account wrote disappears, whenever it did; the audit finds leftovers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import Follow, User
from accounts.selectors import find_follow_drift
from accounts.services import follows
from messaging import draining
from messaging.broker import broker
from messaging.models import OutboxEvent
from messaging.relay import relay_all
from messaging.worker import workers
from tests.support.factories import FollowFactory, TweetFactory
from tweets import handlers, services
from tweets.models import Like, Tweet
from tweets.selectors import find_counter_drift
from tweets.services import deletion

Drain = Callable[[], None]
SignIn = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at work: nothing is ever in hand."""
    monkeypatch.setattr(draining, "HANDLING_SECONDS", 0.0)


def write_something(user: User, tweet: Tweet) -> None:
    services.post_tweet(user_id=user.id, content="hello")
    services.reply(user_id=user.id, parent_id=tweet.id, content="hi")
    services.like(user_id=user.id, tweet_id=tweet.id)
    services.repost(user_id=user.id, tweet_id=tweet.id)


def assert_only(tweet: Tweet) -> None:
    """Nothing else is left, and nothing else is counted."""
    assert [row.id for row in Tweet.objects.all()] == [tweet.id]
    assert not Like.objects.exists()
    assert not Follow.objects.exists()
    assert find_counter_drift().items == []
    assert find_follow_drift().items == []


@pytest.fixture
def tweet(bob: User) -> Tweet:
    """Bob's, who stays."""
    written: Tweet = TweetFactory.create(user_id=bob.id)
    return written


# Late writes


def test_what_a_token_writes_after_its_account_is_deleted_disappears(
    alice: User, tweet: Tweet, drain: Drain
) -> None:
    accounts.delete_user(user_id=alice.id)
    drain()
    write_something(alice, tweet)
    assert Like.objects.count() == 1
    drain()
    assert_only(tweet)


def test_so_does_what_it_writes_before_the_deletion_is_handled(
    alice: User, tweet: Tweet, drain: Drain
) -> None:
    accounts.delete_user(user_id=alice.id)
    write_something(alice, tweet)
    drain()
    assert_only(tweet)


def test_events_that_are_handled_twice_take_it_away_once(
    alice: User, tweet: Tweet, drain: Drain
) -> None:
    accounts.delete_user(user_id=alice.id)
    write_something(alice, tweet)
    for _ in range(2):
        drain()
        OutboxEvent.objects.update(published_at=None)
    assert_only(tweet)
    events = list(OutboxEvent.objects.values_list("routing_key", flat=True))
    assert events.count("tweet.deleted") == 2
    assert events.count("tweet.unliked") == events.count("tweet.unreposted") == 1


def test_what_a_suspended_account_writes_stays(alice: User, tweet: Tweet, drain: Drain) -> None:
    accounts.suspend(user_id=alice.id)
    write_something(alice, tweet)
    drain()
    assert Tweet.objects.filter(user_id=alice.id).count() == 3
    assert Like.objects.count() == 1


# Feeds


@pytest.mark.parametrize("tweets", [1, 60])
def test_followers_of_a_deleted_account_see_the_others_on_the_first_page(
    alice: User, bob: User, carol: User, tweets: int, drain: Drain, sign_in: SignIn
) -> None:
    for author in (alice, carol):
        accounts.follow(follower_id=bob.id, following_id=author.id)
    left = services.post_tweet(user_id=carol.id, content="hello")
    for _ in range(tweets):
        services.post_tweet(user_id=alice.id, content="hello")
    drain()
    assert read_first_page(sign_in(bob)) != [left.id]
    accounts.delete_user(user_id=alice.id)
    drain()
    assert read_first_page(sign_in(bob)) == [left.id]


def read_first_page(client: APIClient) -> list[int]:
    page = client.get("/feed", {"limit": 20, "offset": 0}).json()
    return [int(tweet["id"]) for tweet in page["tweets"]]


# Bounded work


def test_a_large_account_is_deleted_a_slice_a_message(
    alice: User, tweet: Tweet, monkeypatch: pytest.MonkeyPatch, drain: Drain
) -> None:
    monkeypatch.setattr(deletion, "BATCH", 1)
    monkeypatch.setattr(follows, "BATCH", 1)
    monkeypatch.setattr(handlers, "BATCHES", 2)
    TweetFactory.create_batch(3, user_id=alice.id)
    services.like(user_id=alice.id, tweet_id=tweet.id)
    for _ in range(3):
        FollowFactory.create(following=alice)
    drain()
    accounts.delete_user(user_id=alice.id)

    relay_all(broker())
    broker().run_once(workers()["tweets"])  # some, and not all
    assert Tweet.objects.filter(user_id=alice.id).count() == 1
    assert Like.objects.count() == 1

    drain()
    assert_only(tweet)
    assert OutboxEvent.objects.filter(routing_key="tweets.removal_sliced").count() == 3


def test_of_many_deletions_those_that_must_wait_are_not_lost(
    alice: User, carol: User, tweet: Tweet, monkeypatch: pytest.MonkeyPatch, drain: Drain
) -> None:
    monkeypatch.setattr(handlers, "BATCHES", 1)
    for user in (alice, carol):
        write_something(user, tweet)
        FollowFactory.create(follower=user)
        accounts.delete_user(user_id=user.id)
    drain()
    assert_only(tweet)


# The audit


def audit(**options: Any) -> None:
    call_command("audit", wait=0, only=["deletions"], **options)


def test_the_audit_finds_and_mends_what_a_deleted_account_left(
    alice: User, tweet: Tweet, drain: Drain, capsys: pytest.CaptureFixture[str]
) -> None:
    FollowFactory.create(follower=alice)
    FollowFactory.create(following=alice)
    accounts.delete_user(user_id=alice.id)
    write_something(alice, tweet)
    OutboxEvent.objects.all().delete()  # as after the loss of a broker

    with pytest.raises(CommandError, match="1 differences: run again with --repair"):
        audit()
    found = "tweets, reposts, likes, follows, followers"
    assert f"deletions: user {alice.id} is deleted but has {found}" in capsys.readouterr().out

    audit(repair=True)
    drain()
    assert_only(tweet)
    audit()


def test_the_audit_finds_nothing_wrong_with_the_living_and_the_suspended(
    alice: User, bob: User, tweet: Tweet, drain: Drain
) -> None:
    write_something(alice, tweet)
    FollowFactory.create(follower=alice, following=bob)
    accounts.suspend(user_id=alice.id)
    drain()
    audit()


def test_the_audit_reads_users_by_pages(
    alice: User, tweet: Tweet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twitter_project.auditing.deletions.PAGE", 1)
    TweetFactory.create_batch(3)
    write_something(alice, tweet)
    User.objects.filter(id=alice.id).delete()
    OutboxEvent.objects.all().delete()
    with pytest.raises(CommandError, match="1 differences"):
        audit()


def test_an_account_that_a_worker_is_still_deleting_is_no_difference(
    alice: User, tweet: Tweet, drain: Drain
) -> None:
    write_something(alice, tweet)
    User.objects.filter(id=alice.id).delete()
    OutboxEvent.objects.all().delete()
    services.publish_next_removals([alice.id])
    OutboxEvent.objects.update(published_at="2026-11-23T00:00:00Z")  # and a worker is handling it
    audit()
