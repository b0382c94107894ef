"""Registration, and the usernames, e-mail addresses and passwords that it accepts."""

import json
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts.models import User
from accounts.usernames import RESERVED, is_username
from messaging.models import OutboxEvent
from tests.support.responses import assert_refused, published

ALICE = {"email": "alice@example.com", "username": "alice", "password": "pass123"}


def register(api: APIClient, **changed: Any) -> Any:
    return api.post("/users/register", ALICE | changed)


@pytest.mark.django_db
def test_registration_returns_the_account_and_a_session(api: APIClient) -> None:
    response = register(api)
    assert response.status_code == 200
    body = response.json()
    user = User.objects.get()
    assert set(body) == {"user", "token", "refresh"}
    assert body["user"] == {
        "id": str(user.id),
        "username": "alice",
        "display_name": "alice",
        "bio": "",
        "num_tweets": 0,
        "num_followers": 0,
        "num_following": 0,
        "created_at": body["user"]["created_at"],
        "email": "alice@example.com",
    }
    assert body["user"]["created_at"].endswith("Z")


@pytest.mark.django_db
def test_the_token_is_valid(api: APIClient) -> None:
    token = register(api).json()["token"]
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert api.get("/hello").json() == {"message": "Hello, alice"}


@pytest.mark.django_db
def test_the_password_is_stored_as_a_bcrypt_hash(api: APIClient) -> None:
    register(api)
    user = User.objects.get()
    assert user.password.startswith("bcrypt_sha256$")
    assert user.check_password("pass123")


@pytest.mark.django_db
def test_a_password_longer_than_bcrypts_limit_counts_in_full(api: APIClient) -> None:
    register(api, password="x" * 127 + "a")
    assert not User.objects.get().check_password("x" * 127 + "b")


@pytest.mark.django_db
def test_a_password_is_not_trimmed(api: APIClient) -> None:
    register(api, password=" pass123 ")
    assert User.objects.get().check_password(" pass123 ")


@pytest.mark.django_db
def test_username_and_email_are_trimmed_and_keep_their_case(api: APIClient) -> None:
    body = register(api, username=" Alice ", email="\tAlice@Example.com ").json()
    assert body["user"]["username"] == "Alice"
    assert body["user"]["email"] == "Alice@Example.com"


@pytest.mark.django_db
def test_registration_publishes_an_event(api: APIClient) -> None:
    register(api)
    event = OutboxEvent.objects.get()
    assert event.routing_key == "user.registered"
    assert json.loads(event.body) == {
        "id": str(User.objects.get().id),
        "username": "alice",
        "display_name": "alice",
    }


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"email": "ALICE@example.com"}, ["username", "email"]),
        ({"username": "bob", "email": "aLice@Example.COM"}, ["email"]),
        ({"username": "aLICE", "email": "bob@example.com"}, ["username"]),
    ],
)
@pytest.mark.django_db
def test_a_conflict_names_the_taken_fields_ignoring_case(
    api: APIClient, changed: dict[str, str], fields: list[str]
) -> None:
    register(api)
    assert_refused(register(api, **changed), 409, *fields)
    assert User.objects.count() == 1
    assert published() == ["user.registered"]


@pytest.mark.parametrize(
    "username",
    [
        "a", "_", "A1", "user-1a2b3c4d", "a.b-c_d", "_a_", "x" * 30, "tweet-3", "1a",
        "0", "42", "007", "9" * 15, "9" * 16 + "_",
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_valid_username_is_accepted(api: APIClient, username: str) -> None:
    assert register(api, username=username).json()["user"]["username"] == username


@pytest.mark.parametrize(
    "username",
    [
        "", " ", "x" * 31, "-a", "a-", ".a", "a.", "a b", "a/b", "a@b", "me", "ME",
        "Register", "logout", "ä", "\u0430lice", "a\u0130", "a\x00", "a\nb",
        "٣x", "\u212a", "a\u200b", "9" * 16, "0" * 16, "1" * 30,
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_an_invalid_username_is_refused(api: APIClient, username: str) -> None:
    assert_refused(register(api, username=username), 422, "username")


@pytest.mark.parametrize(
    "email",
    [
        "", "  ", "alice", "@example.com", "alice@", "a b@example.com", "alice@example",
        "alice@-.com", "älice@example.com", "alice@exämple.com", "\u212a@example.com",
        "a\x00@example.com", "alice@example.com\nbcc: b", "a" * 64 + "@" + "b" * 63 + ".com" * 60,
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_an_invalid_email_is_refused(api: APIClient, email: str) -> None:
    assert_refused(register(api, email=email), 422, "email")


@pytest.mark.parametrize("password", ["", "123456", "x" * 129, "pass\x00123"])
@pytest.mark.django_db
def test_an_invalid_password_is_refused(api: APIClient, password: str) -> None:
    assert_refused(register(api, password=password), 422, "password")


@pytest.mark.parametrize("password", ["pass123", "       ", "x" * 128, "пароль!", "🔑🔑🔑🔑🔑🔑🔑"])
@pytest.mark.django_db
def test_a_valid_password_is_accepted(api: APIClient, password: str) -> None:
    register(api, password=password)
    login = api.post("/users/login", {"email": ALICE["email"], "password": password})
    assert login.status_code == 200


@pytest.mark.django_db
def test_a_stale_token_does_not_prevent_a_registration(api: APIClient) -> None:
    api.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert register(api).status_code == 200


def test_every_word_of_a_route_is_reserved() -> None:
    assert {word for word in words(get_resolver().url_patterns) if is_username(word)} == set()


def words(patterns: list[URLPattern | URLResolver]) -> set[str]:
    """The fixed words of the routes. The admin counts as one word: its routes are below it."""
    found: set[str] = set()
    for pattern in patterns:
        address = str(pattern.pattern)
        found |= {word for word in address.split("/") if word and "<" not in word}
        if isinstance(pattern, URLResolver) and not address.startswith("admin"):
            found |= words(pattern.url_patterns)
    return found


def test_reserved_words_are_lower_case() -> None:
    assert all(word == word.lower() for word in RESERVED)
