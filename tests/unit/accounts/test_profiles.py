"""Reading and editing profiles; deleting, suspending and restoring accounts."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Follow, User
from common.errors import NotFound
from messaging.models import OutboxEvent
from tests.support.factories import PASSWORD, FollowFactory, TweetFactory, UserFactory
from tests.support.invisible_text import BREAKING, INVISIBLE, VISIBLE
from tests.support.responses import assert_refused, published

SignIn = Callable[[User], APIClient]


def event_body() -> Any:
    return json.loads(OutboxEvent.objects.order_by("id").values_list("body", flat=True)[0])


# Reading


@pytest.mark.parametrize("name", ["{id}", "alice", "ALICE"])
def test_a_profile_is_public_by_id_and_by_username(api: APIClient, alice: User, name: str) -> None:
    response = api.get(f"/users/{name.format(id=alice.id)}")
    assert response.status_code == 200
    user = response.json()["user"]
    assert (user["id"], user["username"]) == (str(alice.id), "alice")
    assert not {"email", "following", "followed_by"} & set(user)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["42", "007", "9" * 15])
def test_an_all_digit_username_finds_its_user(api: APIClient, sign_in: SignIn, name: str) -> None:
    user = UserFactory.create(username=name)
    FollowFactory.create(following=user)
    tweet = TweetFactory.create(user_id=user.id)
    for address in (name, str(user.id)):
        assert api.get(f"/users/{address}").json()["user"]["id"] == str(user.id)
        assert len(api.get(f"/users/{address}/followers").json()["users"]) == 1
        tweets = api.get(f"/users/{address}/tweets").json()["tweets"]
        assert [shown["id"] for shown in tweets] == [str(tweet.id)]


@pytest.mark.django_db
def test_16_digits_and_more_are_an_id(api: APIClient) -> None:
    user = UserFactory.create(id=10**15)
    UserFactory.create(username=str(10**15))  # registration refuses this username
    assert api.get(f"/users/{10**15}").json()["user"]["id"] == str(user.id)


def test_a_signed_in_viewer_sees_the_relation_to_a_user(
    sign_in: SignIn, alice: User, bob: User
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    seen = sign_in(bob).get("/users/alice").json()["user"]
    assert (seen["following"], seen["followed_by"]) == (True, False)
    seen = sign_in(alice).get("/users/bob").json()["user"]
    assert (seen["following"], seen["followed_by"]) == (False, True)


def test_only_the_account_itself_sees_its_email(sign_in: SignIn, alice: User, bob: User) -> None:
    assert sign_in(alice).get("/users/me").json()["user"]["email"] == "alice@example.com"
    assert "email" not in sign_in(bob).get("/users/alice").json()["user"]


def test_a_negative_counter_is_shown_as_zero(api: APIClient, alice: User) -> None:
    User.objects.update(num_tweets=-1)
    assert api.get("/users/alice").json()["user"]["num_tweets"] == 0


@pytest.mark.parametrize(
    "name",
    ["nobody", "7", "007", "+5", "9" * 19, "9" * 30, "0", "-1", "1.0", "nonexistent-uuid", "%00",
     "al%00ice", "%ff", "a%2Fb", "%F0%9F%98%80", "register", "x" * 3000, "٣"],
)  # fmt: skip
def test_an_unknown_user_is_not_found(api: APIClient, alice: User, name: str) -> None:
    assert_refused(api.get(f"/users/{name}"), 404 if name != "register" else 405)


def test_a_bad_token_is_refused_where_none_is_required(api: APIClient, alice: User) -> None:
    assert_refused(api.get("/users/alice", HTTP_AUTHORIZATION="Bearer stale"), 401)


# Editing


def test_a_profile_is_edited_field_by_field(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    client.patch("/users/me", {"display_name": "  Alice  "})
    response = client.patch("/users/me", {"bio": "Writes.\nReads."})
    assert response.status_code == 200
    user = response.json()["user"]
    assert (user["display_name"], user["bio"]) == ("Alice", "Writes.\nReads.")
    assert user["email"] == "alice@example.com"


def test_an_edit_publishes_an_event(sign_in: SignIn, alice: User) -> None:
    sign_in(alice).patch("/users/me", {"display_name": "Alice", "bio": "Writes."})
    assert published() == ["user.updated"]
    assert event_body() == {"id": str(alice.id), "username": "alice", "display_name": "Alice"}


def test_without_a_display_name_the_username_is_shown(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    client.patch("/users/me", {"display_name": "Alice"})
    user = client.patch("/users/me", {"display_name": "  "}).json()["user"]
    assert user["display_name"] == "alice"


@pytest.mark.parametrize("body", [{}, {"bio": ""}, {"display_name": "", "bio": " "}])
def test_an_edit_that_changes_nothing_publishes_no_event(
    sign_in: SignIn, alice: User, body: dict[str, str]
) -> None:
    assert sign_in(alice).patch("/users/me", body).status_code == 200
    assert published() == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"display_name": "x" * 51}, 422, "display_name"),
        ({"bio": "x" * 161}, 422, "bio"),
        ({"bio": "a\x00b"}, 422, "bio"),
        ({"bio": None}, 400, "bio"),
        ({"bio": 1}, 400, "bio"),
        ({"display_name": ["Alice"]}, 400, "display_name"),
        ({"username": "eve"}, 400, "username"),
        ({"email": "eve@example.com"}, 400, "email"),
    ],
)
def test_a_bad_edit_is_refused_and_changes_nothing(
    sign_in: SignIn, alice: User, body: dict[str, Any], status: int, field: str
) -> None:
    whole = {"display_name": "Alice"} | body
    assert_refused(sign_in(alice).patch("/users/me", whole), status, field)
    alice.refresh_from_db()
    assert (alice.display_name, published()) == ("", [])


@pytest.mark.parametrize("text", INVISIBLE)
@pytest.mark.parametrize("field", ["display_name", "bio"])
def test_invisible_text_is_refused(sign_in: SignIn, alice: User, field: str, text: str) -> None:
    response = sign_in(alice).patch("/users/me", {field: text})
    assert_refused(response, 422, field)


@pytest.mark.parametrize("mark", BREAKING)
def test_characters_that_change_the_line_are_refused_in_a_display_name(
    sign_in: SignIn, alice: User, mark: str
) -> None:
    client = sign_in(alice)
    assert_refused(client.patch("/users/me", {"display_name": f"Al{mark}ice"}), 422, "display_name")
    assert client.patch("/users/me", {"bio": f"Al{mark}ice"}).status_code == 200


@pytest.mark.parametrize("name", VISIBLE)
def test_names_in_all_scripts_are_accepted(sign_in: SignIn, alice: User, name: str) -> None:
    response = sign_in(alice).patch("/users/me", {"display_name": name, "bio": name})
    assert response.json()["user"]["display_name"] == name


def test_limits_count_characters_and_not_bytes(sign_in: SignIn, alice: User) -> None:
    body = {"display_name": "🐦" * 50, "bio": "🐦" * 160}
    assert sign_in(alice).patch("/users/me", body).status_code == 200


# Deleting


def test_a_deletion_removes_the_follows_from_all_counters(
    sign_in: SignIn, alice: User, bob: User, carol: User, drain: Callable[[], None]
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=alice, following=bob)
    FollowFactory.create(follower=alice, following=carol)
    FollowFactory.create(follower=bob, following=carol)
    response = sign_in(alice).delete("/users/me", {"password": PASSWORD})
    assert (response.status_code, response.content) == (204, b"")
    drain()
    assert list(Follow.objects.values_list("follower_id", "following_id")) == [(bob.id, carol.id)]
    counters = User.objects.order_by("username").values_list("num_followers", "num_following")
    assert list(counters) == [(0, 1), (1, 0)]


def test_a_deleted_account_is_gone_for_everyone(
    api: APIClient, sign_in: SignIn, alice: User
) -> None:
    sign_in(alice).delete("/users/me", {"password": PASSWORD})
    assert_refused(api.get("/users/alice"), 404)
    assert_refused(api.post("/users/login", {"email": alice.email, "password": PASSWORD}), 401)
    again = {"email": alice.email, "username": "alice", "password": PASSWORD}
    assert api.post("/users/register", again).status_code == 200


def test_a_deletion_publishes_an_event(sign_in: SignIn, alice: User) -> None:
    sign_in(alice).delete("/users/me", {"password": PASSWORD})
    assert published() == ["user.deleted"]
    assert event_body()["id"] == str(alice.id)


@pytest.mark.parametrize(
    ("body", "status"),
    [({"password": "pass124"}, 403), ({}, 400), ({"password": ""}, 422), ({"password": 1}, 400)],
)
def test_a_deletion_requires_the_password(
    sign_in: SignIn, alice: User, body: dict[str, Any], status: int
) -> None:
    assert_refused(sign_in(alice).delete("/users/me", body), status, "password")
    assert User.objects.filter(id=alice.id).exists()


def test_a_second_deletion_is_not_found(alice: User) -> None:
    services.delete_user(user_id=alice.id)
    with pytest.raises(NotFound):
        services.delete_user(user_id=alice.id)
    assert published() == ["user.deleted"]


# A token that outlives its account


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("get", "/users/me", None),
        ("patch", "/users/me", {"bio": "x"}),
        ("delete", "/users/me", {"password": PASSWORD}),
        ("post", "/users/me/password", {"password": PASSWORD, "new_password": "pass1234"}),
        ("post", "/follow", {"following_id": "{bob}"}),
    ],
)
def test_the_token_of_a_deleted_account_is_refused(
    sign_in: SignIn, alice: User, bob: User, method: str, address: str, body: Any
) -> None:
    client = sign_in(alice)
    User.objects.filter(id=alice.id).delete()
    if body and "following_id" in body:
        body = {"following_id": str(bob.id)}
    assert_refused(getattr(client, method)(address, body), 401)


# Suspending


def test_a_suspended_account_is_not_found(api: APIClient, alice: User) -> None:
    services.suspend(user_id=alice.id)
    for address in ("/users/alice", f"/users/{alice.id}", "/users/alice/followers"):
        assert_refused(api.get(address), 404)


def test_a_restored_account_is_visible(api: APIClient, alice: User) -> None:
    services.suspend(user_id=alice.id)
    services.restore(user_id=alice.id)
    assert api.get("/users/alice").status_code == 200


def test_suspending_and_restoring_are_idempotent(alice: User) -> None:
    for do in (services.suspend, services.suspend, services.restore, services.restore):
        do(user_id=alice.id)
    alice.refresh_from_db()
    assert (alice.session_epoch, alice.suspended_at) == (1, None)
    assert published() == ["user.suspended", "user.restored"]


@pytest.mark.parametrize("do", [services.suspend, services.restore])
def test_suspending_or_restoring_an_unknown_account_is_not_found(
    db: None, do: Callable[..., None]
) -> None:
    with pytest.raises(NotFound):
        do(user_id=7)
