"""Everything that a deleted account wrote is removed; the audit finds what is left."""

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
    """No other process handles messages, so none is ever in progress."""
    monkeypatch.setattr(draining, "HANDLING_SECONDS", 0.0)


def write_something(user: User, tweet: Tweet) -> None:
    services.post_tweet(user_id=user.id, content="hello")
    services.reply(user_id=user.id, parent_id=tweet.id, content="hi")
    services.like(user_id=user.id, tweet_id=tweet.id)
    services.repost(user_id=user.id, tweet_id=tweet.id)


def assert_only(tweet: Tweet) -> None:
    """The only row left, and counters that match."""
    assert [row.id for row in Tweet.objects.all()] == [tweet.id]
    assert not Like.objects.exists()
    assert not Follow.objects.exists()
    assert find_counter_drift().items == []
    assert find_follow_drift().items == []


@pytest.fixture
def tweet(bob: User) -> Tweet:
    """By bob, whose account stays."""
    written: Tweet = TweetFactory.create(user_id=bob.id)
    return written


# Late writes


def test_rows_written_with_a_token_after_the_deletion_are_removed(
    alice: User, tweet: Tweet, drain: Drain
) -> None:
    accounts.delete_user(user_id=alice.id)
    drain()
    write_something(alice, tweet)
    assert Like.objects.count() == 1
    drain()
    assert_only(tweet)


def test_rows_written_before_the_deletion_is_handled_are_removed(
    alice: User, tweet: Tweet, drain: Drain
) -> None:
    accounts.delete_user(user_id=alice.id)
    write_something(alice, tweet)
    drain()
    assert_only(tweet)


def test_events_handled_twice_remove_rows_once(alice: User, tweet: Tweet, drain: Drain) -> None:
    accounts.delete_user(user_id=alice.id)
    write_something(alice, tweet)
    for _ in range(2):
        drain()
        OutboxEvent.objects.update(published_at=None)
    assert_only(tweet)
    events = list(OutboxEvent.objects.values_list("routing_key", flat=True))
    assert events.count("tweet.deleted") == 2
    assert events.count("tweet.unliked") == events.count("tweet.unreposted") == 1


def test_rows_written_by_a_suspended_account_stay(alice: User, tweet: Tweet, drain: Drain) -> None:
    accounts.suspend(user_id=alice.id)
    write_something(alice, tweet)
    drain()
    assert Tweet.objects.filter(user_id=alice.id).count() == 3
    assert Like.objects.count() == 1


# Feeds


@pytest.mark.parametrize("tweets", [1, 60])
def test_a_first_page_is_full_after_a_followed_account_is_deleted(
    alice: User, bob: User, carol: User, tweets: int, drain: Drain, sign_in: SignIn
) -> None:
    for author in (alice, carol):
        accounts.follow(follower_id=bob.id, following_id=author.id)
    remaining = services.post_tweet(user_id=carol.id, content="hello")
    for _ in range(tweets):
        services.post_tweet(user_id=alice.id, content="hello")
    drain()
    assert read_first_page(sign_in(bob)) != [remaining.id]
    accounts.delete_user(user_id=alice.id)
    drain()
    assert read_first_page(sign_in(bob)) == [remaining.id]


def read_first_page(client: APIClient) -> list[int]:
    page = client.get("/feed", {"limit": 20, "offset": 0}).json()
    return [int(tweet["id"]) for tweet in page["tweets"]]


# Bounded work


def test_a_large_account_is_deleted_in_slices(
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


def test_deletions_beyond_the_batch_are_handled_later(
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


def test_the_audit_finds_and_repairs_rows_of_a_deleted_account(
    alice: User, tweet: Tweet, drain: Drain, capsys: pytest.CaptureFixture[str]
) -> None:
    FollowFactory.create(follower=alice)
    FollowFactory.create(following=alice)
    accounts.delete_user(user_id=alice.id)
    write_something(alice, tweet)
    OutboxEvent.objects.all().delete()  # as if the broker had lost them

    with pytest.raises(CommandError, match="1 differences: run again with --repair"):
        audit()
    found = "tweets, reposts, likes, follows, followers"
    assert f"deletions: user {alice.id} is deleted but has {found}" in capsys.readouterr().out

    audit(repair=True)
    drain()
    assert_only(tweet)
    audit()


def test_the_audit_accepts_active_and_suspended_accounts(
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
