"""A deletion deletes the row at once, and its follows in batches while others act."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Follow, User
from accounts.services import follows
from common.db import atomic
from tests.support.factories import FollowFactory, UserFactory
from tests.support.follows import assert_counters_equal_rows, remove_all_follows
from tests.support.races import at_once
from tests.support.responses import assert_refused

SignIn = Callable[[User], APIClient]


def make_popular(user: User, *, followers: int, following: int) -> None:
    for _ in range(followers):
        FollowFactory.create(following=user)
    for _ in range(following):
        FollowFactory.create(follower=user)


def test_the_request_deletes_no_follow(
    alice: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    make_popular(alice, followers=12, following=12)
    with django_assert_max_num_queries(20):
        services.delete_user(user_id=alice.id)
    assert Follow.objects.count() == 24
    assert_counters_equal_rows()


@pytest.mark.real
@pytest.mark.django_db(transaction=True)
def test_the_request_does_not_wait_for_the_lock_of_a_follower(alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)

    def delete() -> None:
        try:
            services.delete_user(user_id=alice.id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool, atomic("accounts"):
        User.objects.lock(bob.id)
        pool.submit(delete).result(timeout=10)
    assert not User.objects.filter(id=alice.id).exists()


def test_follows_are_removed_in_batches_with_exact_counters_after_each(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "BATCH", 3)
    make_popular(alice, followers=7, following=4)
    services.delete_user(user_id=alice.id)
    remaining = []
    while services.remove_follows(user_id=alice.id):
        remaining.append(Follow.objects.count())
        assert_counters_equal_rows()
    assert remaining == [8, 5, 4, 1, 0]
    assert set(User.objects.values_list("num_followers", "num_following")) == {(0, 0)}


def test_removing_follows_again_changes_nothing(alice: User, bob: User, carol: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=bob, following=carol)
    services.delete_user(user_id=alice.id)
    assert services.remove_follows(user_id=alice.id)
    assert not services.remove_follows(user_id=alice.id)
    assert [follow.following_id for follow in Follow.objects.all()] == [carol.id]
    assert_counters_equal_rows()


def test_an_account_that_exists_keeps_its_follows(alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    services.suspend(user_id=alice.id)
    assert not services.remove_follows(user_id=alice.id)
    assert Follow.objects.count() == 1


def test_a_drifted_counter_does_not_stop_the_removal(alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    User.objects.filter(id=bob.id).update(num_following=0)
    services.delete_user(user_id=alice.id)
    remove_all_follows(alice)
    assert not Follow.objects.exists()
    assert_counters_equal_rows()


def test_until_the_removal_lists_skip_the_account_and_others_can_unfollow_it(
    api: APIClient, sign_in: SignIn, alice: User, bob: User, carol: User
) -> None:
    for follower, following in [(bob, alice), (alice, bob), (bob, carol)]:
        FollowFactory.create(follower=follower, following=following)
    services.delete_user(user_id=alice.id)

    assert api.get("/users/bob/followers").json()["users"] == []
    followed = api.get("/users/bob/following").json()["users"]
    assert [user["username"] for user in followed] == ["carol"]
    client = sign_in(bob)
    assert_refused(client.post("/follow", {"following_id": str(alice.id)}), 404)
    assert client.delete(f"/follow/{alice.id}").status_code == 204
    assert client.delete(f"/follow/{carol.id}").status_code == 204
    assert_counters_equal_rows()
    remove_all_follows(alice)
    assert not Follow.objects.exists()
    assert_counters_equal_rows()


def test_a_token_that_outlives_its_account_cannot_unfollow(
    sign_in: SignIn, alice: User, bob: User
) -> None:
    FollowFactory.create(follower=alice, following=bob)
    client = sign_in(alice)
    User.objects.filter(id=alice.id).delete()
    assert_refused(client.delete(f"/follow/{bob.id}"), 401)
    assert_counters_equal_rows()


@pytest.mark.real
@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_and_unfollows_leave_exact_counters(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "BATCH", 3)
    users = UserFactory.create_batch(12)
    for user in users:
        FollowFactory.create(follower=user, following=alice)
        FollowFactory.create(follower=alice, following=user)
    for follower, following in pairwise(users):
        FollowFactory.create(follower=follower, following=following)
    for user in (alice, users[0]):
        services.delete_user(user_id=user.id)
    at_once(
        [
            *[partial(remove_all_follows, user) for user in (alice, users[0])] * 3,
            *[
                partial(services.unfollow, follower_id=user.id, following_id=alice.id)
                for user in users[1:7]
            ],
            *[
                partial(services.unfollow, follower_id=a.id, following_id=b.id)
                for a, b in pairwise(users[2:])
            ],
        ]
    )
    assert [(row.follower_id, row.following_id) for row in Follow.objects.all()] == [
        (users[1].id, users[2].id)
    ]
    assert_counters_equal_rows()
