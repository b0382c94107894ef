"""Following, unfollowing, and the lists of followers and followed users."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Follow, User
from messaging.models import OutboxEvent
from tests.support.factories import FollowFactory, UserFactory
from tests.support.responses import assert_refused, published

SignIn = Callable[[User], APIClient]


def follow(client: APIClient, user: User) -> Any:
    return client.post("/follow", {"following_id": str(user.id)})


def unfollow(client: APIClient, user: User) -> Any:
    return client.delete(f"/follow/{user.id}")


def counters(*users: User) -> list[tuple[int, int]]:
    """(num_followers, num_following) of each user."""
    for user in users:
        user.refresh_from_db()
    return [(user.num_followers, user.num_following) for user in users]


def test_following_writes_a_row_and_counts_it(sign_in: SignIn, alice: User, bob: User) -> None:
    response = follow(sign_in(bob), alice)
    assert response.status_code == 200
    row = Follow.objects.get()
    body = response.json()
    assert isinstance(body["message"], str)
    assert body["follow"] == {
        "id": str(row.id),
        "follower_id": str(bob.id),
        "following_id": str(alice.id),
        "created_at": body["follow"]["created_at"],
    }
    assert counters(alice, bob) == [(1, 0), (0, 1)]


def test_following_publishes_an_event(sign_in: SignIn, alice: User, bob: User) -> None:
    made = follow(sign_in(bob), alice).json()["follow"]
    event = OutboxEvent.objects.get()
    assert event.routing_key == "user.followed"
    body = json.loads(event.body)
    assert (body["follower_id"], body["following_id"]) == (str(bob.id), str(alice.id))
    assert body["at"] >= made["created_at"]


def test_following_is_idempotent(sign_in: SignIn, alice: User, bob: User) -> None:
    client = sign_in(bob)
    assert follow(client, alice).json() == follow(client, alice).json()
    assert counters(alice, bob) == [(1, 0), (0, 1)]
    assert published() == ["user.followed"]


def test_unfollowing_undoes_a_follow(sign_in: SignIn, alice: User, bob: User) -> None:
    client = sign_in(bob)
    follow(client, alice)
    response = unfollow(client, alice)
    assert (response.status_code, response.content) == (204, b"")
    assert not Follow.objects.exists()
    assert counters(alice, bob) == [(0, 0), (0, 0)]
    assert published() == ["user.followed", "user.unfollowed"]


def test_following_is_not_mutual(sign_in: SignIn, alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    assert_refused(unfollow(sign_in(alice), bob), 404)
    assert counters(alice, bob) == [(1, 0), (0, 1)]


def test_following_oneself_is_refused(sign_in: SignIn, alice: User) -> None:
    assert_refused(follow(sign_in(alice), alice), 400, "following_id")
    assert published() == []


@pytest.mark.parametrize("id", ["7", "nonexistent-uuid", "tweet-3", "007", "+5", "9" * 19, "alice"])
def test_following_an_unknown_user_is_refused(
    sign_in: SignIn, alice: User, bob: User, id: str
) -> None:
    client = sign_in(bob)
    assert_refused(client.post("/follow", {"following_id": id}), 404)
    assert_refused(client.delete(f"/follow/{id}"), 404)
    assert (counters(bob), published()) == ([(0, 0)], [])


def test_following_a_suspended_user_is_refused(sign_in: SignIn, alice: User, bob: User) -> None:
    services.suspend(user_id=alice.id)
    assert_refused(follow(sign_in(bob), alice), 404)
    assert counters(alice, bob) == [(0, 0), (0, 0)]


def test_a_suspended_user_can_be_unfollowed(sign_in: SignIn, alice: User, bob: User) -> None:
    FollowFactory.create(follower=bob, following=alice)
    services.suspend(user_id=alice.id)
    assert unfollow(sign_in(bob), alice).status_code == 204
    assert counters(alice, bob) == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "following_id"),
        ({"following_id": None}, 400, "following_id"),
        ({"following_id": 7}, 400, "following_id"),
        ({"following_id": ["7"]}, 400, "following_id"),
        ({"following_id": " "}, 422, "following_id"),
        ({"following_id": "7\x00"}, 422, "following_id"),
        ({"following_id": "7", "notify": True}, 400, "notify"),
    ],
)
def test_a_bad_follow_is_refused(
    sign_in: SignIn, bob: User, body: Any, status: int, field: str
) -> None:
    assert_refused(sign_in(bob).post("/follow", body), status, field)


# The limit


def test_one_follow_beyond_the_limit_is_refused(
    sign_in: SignIn, alice: User, bob: User, carol: User, settings: Settings
) -> None:
    settings.MAX_FOLLOWING = 1
    client = sign_in(bob)
    assert follow(client, alice).status_code == 200
    response = follow(client, carol)
    assert_refused(response, 422, "following_id")
    assert "limit of 1 followed accounts" in response.json()["error"]["message"]
    assert counters(bob, carol) == [(0, 1), (0, 0)]
    assert published() == ["user.followed"]


def test_at_the_limit_an_existing_follow_succeeds_and_an_unfollow_makes_room(
    sign_in: SignIn, alice: User, bob: User, carol: User, settings: Settings
) -> None:
    settings.MAX_FOLLOWING = 1
    client = sign_in(bob)
    assert follow(client, alice).json() == follow(client, alice).json()
    unfollow(client, alice)
    assert follow(client, carol).status_code == 200


def test_the_limit_counts_followed_users_and_not_followers(
    sign_in: SignIn, alice: User, bob: User, carol: User, settings: Settings
) -> None:
    settings.MAX_FOLLOWING = 1
    for fan in (bob, carol):
        assert follow(sign_in(fan), alice).status_code == 200
    assert follow(sign_in(alice), bob).status_code == 200


def test_the_default_limit_is_7500(settings: Settings) -> None:
    assert settings.MAX_FOLLOWING == 7500


# Lists


def test_both_lists_are_newest_first_with_the_users(
    sign_in: SignIn, alice: User, bob: User, carol: User
) -> None:
    first = FollowFactory.create(follower=bob, following=alice)
    second = FollowFactory.create(follower=carol, following=alice)
    FollowFactory.create(follower=alice, following=carol)

    body = sign_in(alice).get("/follow").json()
    assert set(body) == {"result", "next"}
    assert [item["id"] for item in body["result"]] == [str(second.id), str(first.id)]
    assert [item["user"]["username"] for item in body["result"]] == ["carol", "bob"]
    assert [item["user"]["following"] for item in body["result"]] == [True, False]
    assert body["next"] is None

    (item,) = sign_in(bob).get("/following").json()["result"]
    assert set(item) == {"id", "follower_id", "following_id", "created_at", "user"}
    assert item["user"]["username"] == "alice"
    assert "email" not in item["user"]


def test_both_lists_of_a_user_are_public(
    api: APIClient, sign_in: SignIn, alice: User, bob: User
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    body = api.get("/users/alice/followers").json()
    assert set(body) == {"users", "next"}
    (user,) = body["users"]
    assert user["username"] == "bob"
    assert not {"email", "following", "followed_by"} & set(user)
    (user,) = sign_in(bob).get(f"/users/{bob.id}/following").json()["users"]
    assert (user["username"], user["following"], user["followed_by"]) == ("alice", True, False)


@pytest.mark.parametrize("address", ["/follow", "/users/alice/followers"])
def test_pages_neither_skip_nor_repeat_while_others_follow(
    sign_in: SignIn, alice: User, address: str
) -> None:
    client = sign_in(alice)
    for n in range(5):
        FollowFactory.create(follower=UserFactory.create(username=f"fan-{n}"), following=alice)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = client.get(address, query).json()
        users = body.get("users") or [item["user"] for item in body["result"]]
        assert len(users) <= 2
        seen += [user["username"] for user in users]
        cursor = body["next"]
        FollowFactory.create(following=alice)  # between two pages
    assert seen == ["fan-4", "fan-3", "fan-2", "fan-1", "fan-0"]


def test_lists_exclude_suspended_users(
    api: APIClient, sign_in: SignIn, alice: User, bob: User, carol: User
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=carol, following=alice)
    services.suspend(user_id=bob.id)
    assert [u["username"] for u in api.get("/users/alice/followers").json()["users"]] == ["carol"]
    assert len(sign_in(alice).get("/follow").json()["result"]) == 1


@pytest.mark.parametrize(
    "address", ["/follow", "/following", "/users/alice/followers", "/users/alice/following"]
)
def test_the_number_of_queries_does_not_grow_with_the_page(
    sign_in: SignIn, alice: User, django_assert_max_num_queries: Any, address: str
) -> None:
    client = sign_in(alice)
    for _ in range(20):
        FollowFactory.create(follower=alice)
        FollowFactory.create(following=alice)
    with django_assert_max_num_queries(4):
        body = client.get(address).json()
    assert len(body.get("users") or body["result"]) == 20


@pytest.mark.parametrize("name", ["nobody", "7", "007"])
@pytest.mark.parametrize("list", ["followers", "following"])
def test_the_lists_of_an_unknown_user_are_not_found(
    api: APIClient, db: None, name: str, list: str
) -> None:
    assert_refused(api.get(f"/users/{name}/{list}"), 404)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[("limit", value) for value in ["0", "-1", "101", "1.5", "x", "9" * 5000, "\x00"]],
        *[("cursor", value) for value in ["0", "-1", "x", "007", "9" * 20, "\x00"]],
    ],
)
@pytest.mark.parametrize("address", ["/follow", "/following", "/users/alice/followers"])
def test_an_error_names_the_bad_parameter(
    sign_in: SignIn, alice: User, address: str, parameter: str, value: str
) -> None:
    assert_refused(sign_in(alice).get(address, {parameter: value}), 400, parameter)
