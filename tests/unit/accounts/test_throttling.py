from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django_redis import get_redis_connection
from django_redis.cache import RedisCache
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import User
from tests.factories import PASSWORD
from tests.unit.accounts.answers import assert_refused

# even on embedded parts, where the pool's own kind answers without a server
ANY_CONNECTION: dict[str, Any] = {"CONNECTION_POOL_KWARGS": {}}

SignIn = Callable[[User], APIClient]


@pytest.fixture
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"login": "3/min", "register": "3/min"}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)


def log_in(api: APIClient, email: str, password: str = "pass124", **where: Any) -> Any:
    return api.post("/users/login", {"email": email, "password": password}, **where)


def register(api: APIClient, n: int, **where: Any) -> Any:
    body = {"email": f"{n}@example.com", "username": f"user-{n}", "password": PASSWORD}
    return api.post("/users/register", body, **where)


@pytest.mark.usefixtures("three_a_minute")
def test_it_limits_attempts_for_one_address(api: APIClient, alice: User) -> None:
    emails = ["alice@example.com", "ALICE@example.com", " alice@example.com"]
    assert [log_in(api, email).status_code for email in emails] == [401, 401, 401]
    answer = log_in(api, "alice@example.com", PASSWORD)
    assert_refused(answer, 429)
    assert 0 < int(answer["Retry-After"]) <= 61


@pytest.mark.usefixtures("three_a_minute")
def test_another_address_or_client_is_not_held_up(api: APIClient, alice: User, bob: User) -> None:
    for _ in range(4):
        log_in(api, "alice@example.com")
    assert log_in(api, "bob@example.com", PASSWORD).status_code == 200
    assert log_in(api, "alice@example.com", PASSWORD, REMOTE_ADDR="10.0.0.7").status_code == 200


@pytest.mark.usefixtures("three_a_minute")
def test_a_client_does_not_choose_its_address(api: APIClient, alice: User) -> None:
    for n in range(3):
        log_in(api, "alice@example.com", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}")
    assert log_in(api, "alice@example.com", HTTP_X_FORWARDED_FOR="10.0.0.9").status_code == 429


@pytest.mark.usefixtures("three_a_minute")
def test_it_limits_registrations_of_one_client(api: APIClient, db: None) -> None:
    assert [register(api, n).status_code for n in range(3)] == [200, 200, 200]
    assert_refused(register(api, 4), 429)
    assert register(api, 4, REMOTE_ADDR="10.0.0.7").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, [], "x", {"email": None}, {"email": ["a"]}, {"email": "\x00"}]
)
@pytest.mark.usefixtures("three_a_minute")
def test_whatever_the_body_holds_it_is_counted(api: APIClient, db: None, body: Any) -> None:
    for _ in range(3):
        assert api.post("/users/login", body).status_code in (400, 422)
    assert api.post("/users/login", body).status_code == 429


@pytest.mark.usefixtures("three_a_minute")
def test_guessing_the_password_with_a_token_is_limited_too(
    sign_in: SignIn, alice: User, bob: User
) -> None:
    client, other = sign_in(alice), sign_in(bob)
    wrong = {"password": "pass124", "new_password": "pass1234"}
    for _ in range(2):
        assert client.post("/users/me/password", wrong).status_code == 403
    assert client.delete("/users/me", {"password": "pass124"}).status_code == 403
    assert client.delete("/users/me", {"password": PASSWORD}).status_code == 429
    assert client.get("/users/me").status_code == 200
    assert other.post("/users/me/password", wrong).status_code == 403


@pytest.mark.usefixtures("three_a_minute")
def test_no_address_stands_in_redis(api: APIClient, alice: User) -> None:
    log_in(api, "alice@example.com")
    keys = get_redis_connection().keys("*")
    assert keys
    assert all(b"alice" not in key for key in keys)


@pytest.mark.usefixtures("three_a_minute")
def test_without_redis_everyone_gets_in(
    api: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "redis://127.0.0.1:1/0"
    gone: Any = RedisCache(
        nobody, {"OPTIONS": settings.CACHES["default"]["OPTIONS"] | ANY_CONNECTION}
    )
    monkeypatch.setattr(SimpleRateThrottle, "cache", gone)
    for _ in range(5):
        assert log_in(api, "alice@example.com", PASSWORD).status_code == 200
