"""The audit's `counters` check, and `manage.py reconcile_counters`, which is short for it."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from tests.support.audit import Audit, Scenario
from tests.support.factories import FollowFactory, TweetFactory
from tests.support.timelines import Person
from tweets.models import Tweet
from twitter_project.auditing import counters


@pytest.fixture
def counted(alice: User, bob: User, drain: Callable[[], None]) -> User:
    """Alice. Bob follows her; she has a tweet and a reply to it. All counters are right."""
    FollowFactory.create(follower=bob, following=alice)
    parent = TweetFactory.create(user_id=alice.id, num_replies=1)
    TweetFactory.create(user_id=alice.id, parent_id=parent.id)
    User.objects.filter(id=alice.id).update(num_tweets=2)
    return alice


@pytest.mark.parametrize("counter", ["num_followers", "num_following", "num_tweets"])
def test_each_counter_of_a_user_is_checked_and_repaired(
    scenario: Scenario, audit: Audit, counter: str
) -> None:
    User.objects.filter(id=scenario.carol.id).update(**{counter: 7})
    rows = 1 if counter == "num_tweets" else 0

    assert audit() == [f"counters: user {scenario.carol.id} {counter} is 7, counted {rows}"]

    scenario.expect_no_differences()


@pytest.mark.parametrize("counter", ["num_likes", "num_replies", "num_reposts"])
def test_each_counter_of_a_tweet_is_checked_and_repaired(
    scenario: Scenario, audit: Audit, counter: str
) -> None:
    Tweet.objects.filter(id=scenario.tweets[0]).update(**{counter: 7})

    assert audit(only=["counters"]) == [
        f"counters: tweet {scenario.tweets[0]} {counter} is 7, counted 0"
    ]

    scenario.expect_no_differences()


def test_right_counters_are_no_differences(
    counted: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("reconcile_counters", wait=0)

    assert capsys.readouterr().out == "counters: 3 pages checked\nno differences\n"


def test_it_prints_each_counter_that_differs(
    counted: User, capsys: pytest.CaptureFixture[str]
) -> None:
    tweet = Tweet.objects.get(parent_id=None)
    User.objects.filter(id=counted.id).update(num_followers=7, num_tweets=5)
    Tweet.objects.filter(id=tweet.id).update(num_likes=3, num_replies=0)

    with pytest.raises(CommandError, match="4 differences: run again with --repair") as raised:
        call_command("reconcile_counters", wait=0)

    assert raised.value.returncode == 1
    assert capsys.readouterr().out.splitlines() == [
        f"counters: tweet {tweet.id} num_likes is 3, counted 0",
        f"counters: tweet {tweet.id} num_replies is 0, counted 1",
        f"counters: user {counted.id} num_followers is 7, counted 1",
        f"counters: user {counted.id} num_tweets is 5, counted 2",
        "counters: 3 pages checked",
    ]
    counted.refresh_from_db()
    assert counted.num_followers == 7


def test_it_repairs_counters_on_request(counted: User, capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.filter(id=counted.id).update(num_followers=7, num_following=1, num_tweets=-1)
    Tweet.objects.update(num_likes=3)

    call_command("reconcile_counters", repair=True, wait=0)

    counted.refresh_from_db()
    assert (counted.num_followers, counted.num_following, counted.num_tweets) == (1, 0, 2)
    assert set(Tweet.objects.values_list("num_likes", flat=True)) == {0}
    assert capsys.readouterr().out.endswith("5 differences repaired\n")
    call_command("reconcile_counters", wait=0)


def test_events_in_progress_hold_back_num_tweets_only(
    alice: User, bob: User, drain: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tweet = Person(alice).post("not counted yet")
    Tweet.objects.filter(id=tweet).update(num_likes=3)
    User.objects.filter(id=bob.id).update(num_followers=7)

    with pytest.raises(CommandError, match="the result is uncertain") as raised:
        call_command("reconcile_counters", repair=True, wait=0)

    assert raised.value.returncode == 2
    assert "1 more differences may be events in progress" in capsys.readouterr().err
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.num_tweets, bob.num_followers) == (0, 0)
    assert Tweet.objects.get(id=tweet).num_likes == 0
    drain()
    call_command("reconcile_counters", wait=0)
    alice.refresh_from_db()
    assert alice.num_tweets == 1


def test_it_reads_by_pages(
    counted: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(counters, "PAGE", 1)
    User.objects.filter(id=counted.id).update(num_tweets=9)

    with pytest.raises(CommandError, match="1 differences"):
        call_command("reconcile_counters", wait=0)

    assert capsys.readouterr().out.splitlines() == [
        f"counters: user {counted.id} num_tweets is 9, counted 2",
        "counters: 6 pages checked",
    ]


def test_its_queries_do_not_grow_with_the_rows(
    counted: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        TweetFactory.create(user_id=counted.id)
    User.objects.filter(id=counted.id).update(num_tweets=22)

    with django_assert_max_num_queries(14):
        call_command("reconcile_counters", wait=0)
