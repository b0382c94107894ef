"""Concurrent writes, in real threads on PostgreSQL."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from accounts import services, tokens
from accounts.models import Follow, SpentRefresh, TweetCount, User
from common.errors import Conflict, NotFound, Unauthenticated
from tests.support.factories import PASSWORD, FollowFactory, UserFactory
from tests.support.follows import assert_counters_equal_rows, remove_all_follows
from tests.support.races import at_once, kinds
from tests.support.responses import published

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


def follows(follower: User, following: User) -> Callable[[], Any]:
    return partial(services.follow, follower_id=follower.id, following_id=following.id)


def unfollows(follower: User, following: User) -> Callable[[], Any]:
    return partial(services.unfollow, follower_id=follower.id, following_id=following.id)


def test_50_concurrent_follows_of_one_pair_write_one(alice: User, bob: User) -> None:
    outcomes = at_once([follows(bob, alice)] * 50)
    assert len({follow.id for follow in outcomes}) == 1
    alice.refresh_from_db()
    assert alice.num_followers == 1
    assert published() == ["user.followed"]


def test_50_concurrent_unfollows_of_one_pair_undo_one(alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    outcomes = at_once([unfollows(bob, alice)] * 50)
    assert kinds(outcomes) == ["NoneType"] + ["NotFound"] * 49
    alice.refresh_from_db()
    assert alice.num_followers == 0
    assert published() == ["user.unfollowed"]


def test_50_follows_and_unfollows_of_one_pair_leave_exact_counters(alice: User, bob: User) -> None:
    at_once([follows(bob, alice), unfollows(bob, alice)] * 25)
    assert_counters_equal_rows()
    events = published()
    made, undone = events.count("user.followed"), events.count("user.unfollowed")
    assert made - undone == Follow.objects.count()


def test_concurrent_follows_do_not_exceed_the_limit(bob: User, settings: Settings) -> None:
    settings.MAX_FOLLOWING = 3
    outcomes = at_once([follows(bob, user) for user in UserFactory.create_batch(20)])
    assert kinds(outcomes) == ["Follow"] * 3 + ["Invalid"] * 17
    assert Follow.objects.filter(follower=bob).count() == 3
    assert_counters_equal_rows()


def test_50_opposite_follows_do_not_deadlock(alice: User, bob: User) -> None:
    at_once([follows(bob, alice), follows(alice, bob)] * 25)
    at_once([unfollows(bob, alice), unfollows(alice, bob)] * 25)
    assert Follow.objects.count() == 0
    assert_counters_equal_rows()


def test_50_follows_and_unfollows_of_many_pairs_leave_exact_counters() -> None:
    users = UserFactory.create_batch(6)
    pairs = [(a, b) for a in users for b in users if a is not b]
    for follower, following in pairs[:15]:
        FollowFactory.create(follower=follower, following=following)
    outcomes = at_once(
        [follows(*pair) for pair in pairs[5:30]] + [unfollows(*p) for p in pairs[:25]]
    )
    assert {type(outcome) for outcome in outcomes} <= {Follow, NotFound, type(None)}
    assert_counters_equal_rows()


def test_a_deletion_during_follows_leaves_exact_counters(alice: User) -> None:
    users = UserFactory.create_batch(12)
    for user in users[:6]:
        FollowFactory.create(follower=user, following=alice)
        FollowFactory.create(follower=alice, following=user)
    outcomes = at_once(
        [
            *[follows(user, alice) for user in users[6:]],
            partial(services.delete_user, user_id=alice.id),
            *[unfollows(user, alice) for user in users[:6]],
        ]
    )
    assert {type(outcome) for outcome in outcomes} <= {Follow, NotFound, type(None)}
    assert_counters_equal_rows()
    remove_all_follows(alice)
    assert_counters_equal_rows()
    assert Follow.objects.count() == 0
    assert set(User.objects.values_list("num_followers", "num_following")) == {(0, 0)}


def test_two_users_who_follow_each_other_can_be_deleted_at_once(
    alice: User, bob: User, carol: User
) -> None:
    for follower, following in [(alice, bob), (bob, alice), (carol, alice), (bob, carol)]:
        FollowFactory.create(follower=follower, following=following)
    at_once([partial(services.delete_user, user_id=user.id) for user in (alice, bob)])
    assert list(User.objects.all()) == [carol]
    at_once([partial(remove_all_follows, user) for user in (alice, bob)] * 3)
    assert not Follow.objects.exists()
    assert_counters_equal_rows()


@pytest.mark.parametrize("same", ["email", "username"])
def test_one_of_racing_registrations_succeeds(same: str) -> None:
    def register(n: int) -> Callable[[], Any]:
        names = {"email": f"user-{n}@example.com", "username": f"user-{n}"}
        names[same] = ["ALICE@example.com", "alice@example.com"][n % 2]
        if same == "username":
            names[same] = ["ALICE", "alice"][n % 2]
        return partial(services.register, **names, password=PASSWORD)

    outcomes = at_once([register(n) for n in range(8)])
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(refused) == 7
    assert all(set(conflict.fields) == {same} for conflict in refused)
    assert User.objects.count() == 1
    assert published() == ["user.registered"]


def test_one_of_racing_refreshes_succeeds(alice: User) -> None:
    refresh = tokens.issue(alice).refresh
    outcomes = at_once([partial(services.refresh_session, refresh=refresh)] * 8)
    assert kinds(outcomes) == ["TokenPair"] + ["Unauthenticated"] * 7
    assert SpentRefresh.objects.count() == 1


def test_a_log_out_during_a_refresh_ends_the_session(alice: User) -> None:
    refresh = tokens.issue(alice).refresh
    at_once(
        [
            partial(services.refresh_session, refresh=refresh),
            partial(services.log_out, refresh=refresh),
        ]
    )
    with pytest.raises(Unauthenticated):
        services.refresh_session(refresh=refresh)


def test_one_of_racing_changes_of_password_succeeds(alice: User) -> None:
    outcomes = at_once(
        [
            partial(
                services.change_password,
                user_id=alice.id,
                password=PASSWORD,
                new_password=f"password-{n}",
                address="192.0.2.1",
            )
            for n in range(4)
        ]
    )
    assert kinds(outcomes).count("NoneType") == 1
    winner = outcomes.index(None)
    alice.refresh_from_db()
    assert alice.check_password(f"password-{winner}")
    assert alice.session_epoch == 1


def test_concurrent_increments_with_one_key_count_once(alice: User) -> None:
    at_once([partial(services.increment_tweets, user_id=alice.id, delta=1, key="1")] * 20)
    alice.refresh_from_db()
    assert alice.num_tweets == 1
    assert TweetCount.objects.count() == 1


def test_concurrent_increments_with_different_keys_all_count(alice: User) -> None:
    at_once(
        [
            partial(
                services.increment_tweets, user_id=alice.id, delta=1 if n % 3 else -1, key=str(n)
            )
            for n in range(30)
        ]
    )
    alice.refresh_from_db()
    assert alice.num_tweets == 10


def test_a_repair_during_follows_leaves_exact_counters(alice: User) -> None:
    users = UserFactory.create_batch(10)
    User.objects.filter(id=alice.id).update(num_followers=100)
    ids = [alice.id, *(user.id for user in users)]
    at_once(
        [
            *[follows(user, alice) for user in users],
            *[partial(services.repair_follow_counters, user_ids=ids)] * 5,
        ]
    )
    services.repair_follow_counters(user_ids=ids)
    assert_counters_equal_rows()
    alice.refresh_from_db()
    assert alice.num_followers == 10
