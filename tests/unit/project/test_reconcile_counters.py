"""`manage.py reconcile_counters`."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from tests.support.factories import FollowFactory, TweetFactory
from tweets.models import Tweet
from twitter_project import reconciliation


@pytest.fixture
def system(alice: User, bob: User, drain: Callable[[], None]) -> User:
    """Bob follows alice, who has two tweets, one with a reply; all counters are right."""
    FollowFactory.create(follower=bob, following=alice)
    parent = TweetFactory.create(user_id=alice.id, num_replies=1)
    TweetFactory.create(user_id=alice.id, parent_id=parent.id)
    User.objects.filter(id=alice.id).update(num_tweets=2)
    return alice


def test_counters_that_are_right_are_left_alone(
    system: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("reconcile_counters")

    assert capsys.readouterr().out == "every counter says what the rows say\n"


def test_it_names_each_counter_that_differs(
    system: User, capsys: pytest.CaptureFixture[str]
) -> None:
    tweet = Tweet.objects.get(parent_id=None)
    User.objects.filter(id=system.id).update(num_followers=7, num_tweets=5)
    Tweet.objects.filter(id=tweet.id).update(num_likes=3, num_replies=0)

    with pytest.raises(CommandError, match="4 counters differ: --repair sets them"):
        call_command("reconcile_counters")

    assert capsys.readouterr().out.splitlines() == [
        f"tweet {tweet.id}: num_likes is 3, counted 0",
        f"tweet {tweet.id}: num_replies is 0, counted 1",
        f"user {system.id}: num_followers is 7, counted 1",
        f"user {system.id}: num_tweets is 5, counted 2",
    ]
    system.refresh_from_db()
    assert system.num_followers == 7


def test_it_repairs_them_if_told(system: User, capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.filter(id=system.id).update(num_followers=7, num_following=1, num_tweets=-1)
    Tweet.objects.update(num_likes=3)

    call_command("reconcile_counters", repair=True)

    system.refresh_from_db()
    assert (system.num_followers, system.num_following, system.num_tweets) == (1, 0, 2)
    assert set(Tweet.objects.values_list("num_likes", flat=True)) == {0}
    assert capsys.readouterr().out.endswith("5 counters repaired\n")
    call_command("reconcile_counters")


def test_a_tweet_on_its_way_to_be_counted_is_no_drift(
    alice: User,
    sign_in: Callable[[User], APIClient],
    drain: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign_in(alice).post("/tweet", {"content": "not counted yet"})

    call_command("reconcile_counters", repair=True, wait=0)

    assert "still on their way" in capsys.readouterr().err
    alice.refresh_from_db()
    assert alice.num_tweets == 0
    drain()
    call_command("reconcile_counters", wait=0)
    alice.refresh_from_db()
    assert alice.num_tweets == 1


def test_it_reads_by_pages(system: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "PAGE", 1)
    User.objects.filter(id=system.id).update(num_tweets=9)
    pages: list[str] = []

    found = reconciliation.find_drift(pages.append)

    assert [str(drift) for drift in found] == [f"user {system.id}: num_tweets is 9, counted 2"]
    assert pages == ["users"] * 4 + ["tweets"] * 2


def test_its_queries_do_not_grow_with_the_rows(
    system: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        TweetFactory.create(user_id=system.id)
    User.objects.filter(id=system.id).update(num_tweets=22)

    with django_assert_max_num_queries(14):
        call_command("reconcile_counters")
