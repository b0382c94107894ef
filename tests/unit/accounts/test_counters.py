"""Drift of counters, its repair, and the pruning of expired rows."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from accounts import selectors, services
from accounts.models import SpentRefresh, TweetCount, User
from common.drift import Drift
from common.errors import NotFound
from tests.support.factories import FollowFactory, UserFactory


def test_rows_written_by_services_have_no_drift(alice: User, bob: User) -> None:
    services.follow(follower_id=bob.id, following_id=alice.id)
    assert selectors.find_follow_drift().items == []


def test_drift_holds_the_stored_and_the_counted_number(alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    User.objects.filter(id=alice.id).update(num_followers=5)
    User.objects.filter(id=bob.id).update(num_following=0)
    assert selectors.find_follow_drift().items == [
        Drift("user", alice.id, "num_followers", stored=5, counted=1),
        Drift("user", bob.id, "num_following", stored=0, counted=1),
    ]


def test_drift_is_found_page_by_page(db: None) -> None:
    users = UserFactory.create_batch(5)
    User.objects.update(num_following=1)
    found: list[int] = []
    after_id: int | None = 0
    pages = 0
    while after_id is not None:
        page = selectors.find_follow_drift(after_id=after_id, limit=2)
        found += [drift.id for drift in page.items]
        after_id = page.next
        pages += 1
    assert found == [user.id for user in users]
    assert pages == 3


def test_a_repair_corrects_the_wrong_counters_only(alice: User, bob: User, carol: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    User.objects.filter(id=alice.id).update(num_followers=5, num_following=2)
    repaired = services.repair_follow_counters(user_ids=[alice.id, bob.id, carol.id, 7])
    assert {(drift.id, drift.counter) for drift in repaired} == {
        (alice.id, "num_followers"),
        (alice.id, "num_following"),
    }
    assert selectors.find_follow_drift().items == []


def test_tweet_counters_are_listed_as_stored(alice: User, bob: User) -> None:
    User.objects.filter(id=alice.id).update(num_tweets=-2)
    first = selectors.get_tweet_counters(limit=1)
    assert (list(first.items), first.next) == ([(alice.id, -2)], alice.id)
    last = selectors.get_tweet_counters(after_id=alice.id, limit=1)
    assert (list(last.items), last.next) == ([(bob.id, 0)], None)


def test_num_tweets_is_repaired_unless_it_changed(alice: User) -> None:
    assert services.repair_num_tweets(user_id=alice.id, stored=0, counted=3)
    assert not services.repair_num_tweets(user_id=alice.id, stored=0, counted=9)
    alice.refresh_from_db()
    assert alice.num_tweets == 3


def test_an_increment_of_an_unknown_user_leaves_no_key(db: None) -> None:
    with pytest.raises(NotFound):
        services.increment_tweets(user_id=7, delta=1, key="1")
    assert not TweetCount.objects.exists()


def test_pruning_deletes_expired_rows_only(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    now = timezone.now()
    SpentRefresh.objects.create(jti="expired", expires_at=now - timedelta(seconds=1))
    SpentRefresh.objects.create(jti="running", expires_at=now + timedelta(days=1))
    services.increment_tweets(user_id=alice.id, delta=1, key="old")
    services.increment_tweets(user_id=alice.id, delta=1, key="young")
    TweetCount.objects.filter(key="old").update(at=now - timedelta(days=91))
    TweetCount.objects.filter(key="young").update(at=now - timedelta(days=89))

    for key, age in (("old", 1), ("young", -1)):
        Session.objects.create(session_key=key, expire_date=now - timedelta(hours=age))

    call_command("prune_accounts")

    assert list(SpentRefresh.objects.values_list("jti", flat=True)) == ["running"]
    assert list(TweetCount.objects.values_list("key", flat=True)) == ["young"]
    assert Session.objects.get().session_key == "young"
    assert capsys.readouterr().out == (
        "1 spent refresh tokens deleted\n1 keys of tweet counts deleted\n"
        "1 sessions of the admin deleted\n"
    )
