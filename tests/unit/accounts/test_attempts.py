"""Wrong passwords are rate-limited, and the owner still gets in."""

from collections.abc import Callable
from typing import Any

import bcrypt
import pytest
import redis
from django.db import OperationalError
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from common.redis.buckets import Rate, token_buckets
from common.redis.client import redis_client
from tests.support.factories import PASSWORD
from tests.support.responses import assert_refused
from twitter_project.settings import base

SignIn = Callable[[User], APIClient]
Rates = Callable[..., None]

ALICE = "alice@example.com"
HOME = "10.0.0.1"


@pytest.fixture
def limited(rates: Rates, alice: User) -> None:
    rates(guess="3/hour", guess_account="5/hour", guess_address="9/hour")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One element per hashed password."""
    counted: list[int] = []
    real = bcrypt.hashpw

    def count(*args: Any) -> bytes:
        counted.append(1)
        return real(*args)

    monkeypatch.setattr(bcrypt, "hashpw", count)
    return counted


def log_in(api: APIClient, email: str = ALICE, password: str = "pass124", at: str = HOME) -> Any:
    body = {"email": email, "password": password}
    return api.post("/users/login", body, REMOTE_ADDR=at)


def statuses(api: APIClient, count: int, **attempt: str) -> list[int]:
    return [log_in(api, **attempt).status_code for _ in range(count)]


@pytest.mark.usefixtures("limited")
def test_guesses_from_one_address_are_limited_in_any_spelling_of_the_email(
    api: APIClient,
) -> None:
    emails = [ALICE, "ALICE@example.com", " alice@example.com"]
    assert [log_in(api, email).status_code for email in emails] == [401, 401, 401]
    response = log_in(api, password=PASSWORD)
    assert_refused(response, 429)
    assert 1190 < int(response["Retry-After"]) <= 1200


@pytest.mark.usefixtures("limited")
def test_guesses_from_many_addresses_are_limited(api: APIClient) -> None:
    guesses = [log_in(api, at=f"10.0.1.{n}").status_code for n in range(7)]
    assert guesses == [401] * 5 + [429] * 2


@pytest.mark.usefixtures("limited")
def test_an_attack_does_not_lock_the_owner_out_at_the_usual_address(api: APIClient) -> None:
    assert log_in(api, password=PASSWORD).status_code == 200
    for n in range(9):
        log_in(api, at=f"10.0.1.{n}")
    assert log_in(api, password=PASSWORD, at="10.0.2.2").status_code == 429
    assert log_in(api, password=PASSWORD).status_code == 200


@pytest.mark.usefixtures("limited")
def test_guesses_over_many_accounts_are_limited(api: APIClient) -> None:
    guesses = [log_in(api, f"user-{n}@example.com").status_code for n in range(11)]
    assert guesses == [401] * 9 + [429] * 2
    assert log_in(api, password=PASSWORD, at="10.0.0.2").status_code == 200


@pytest.mark.usefixtures("limited")
def test_only_failures_count(api: APIClient) -> None:
    assert statuses(api, 20, password=PASSWORD) == [200] * 20
    assert statuses(api, 4) == [401] * 3 + [429]


@pytest.mark.usefixtures("limited")
def test_a_success_does_not_reset_failures(api: APIClient) -> None:
    assert statuses(api, 2) == [401, 401]
    assert log_in(api, password=PASSWORD).status_code == 200
    assert statuses(api, 2) == [401, 429]


@pytest.mark.usefixtures("limited")
def test_guesses_of_an_unknown_account_are_limited_alike(api: APIClient) -> None:
    known = [log_in(api) for _ in range(4)]
    unknown = [log_in(api, "nobody@example.com") for _ in range(4)]
    for one, other in zip(known, unknown, strict=True):
        assert (one.status_code, one.content) == (other.status_code, other.content)


@pytest.mark.in_process
def test_a_failed_log_in_costs_one_hash_for_every_account(
    api: APIClient, alice: User, bob: User, hashes: list[int]
) -> None:
    services.suspend(user_id=bob.id)
    costs = []
    for email in (ALICE, "nobody@example.com", bob.email):
        hashes.clear()
        assert log_in(api, email).status_code == 401
        costs.append(len(hashes))
    assert costs == [1, 1, 1]


@pytest.mark.usefixtures("limited")
def test_a_limited_attempt_costs_no_hash(api: APIClient, hashes: list[int]) -> None:
    statuses(api, 3)
    hashes.clear()
    assert statuses(api, 3) == [429] * 3
    assert hashes == []


@pytest.mark.usefixtures("limited")
def test_an_outage_does_not_count_as_a_wrong_password(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as outage:
        outage.setattr("accounts.models.UserQuerySet.with_email", fail)
        assert statuses(api, 5, password=PASSWORD) == [503] * 5
    assert log_in(api, password=PASSWORD).status_code == 200


def test_guesses_with_a_token_are_limited_apart_from_those_without(
    api: APIClient, sign_in: SignIn, alice: User, rates: Rates
) -> None:
    client = sign_in(alice)
    rates(guess="3/hour", guess_account="5/hour", guess_address="9/hour")
    for n in range(9):  # guesses without a token
        log_in(api, at=f"10.0.1.{n}")
    wrong = {"password": "pass124", "new_password": "pass1234"}
    for _ in range(2):
        assert client.post("/users/me/password", wrong).status_code == 403
    assert client.delete("/users/me", {"password": "pass124"}).status_code == 403
    assert_refused(client.delete("/users/me", {"password": PASSWORD}), 429)
    assert client.get("/users/me").status_code == 200


@pytest.mark.parametrize("call", ["password", "deletion"])
def test_guesses_with_a_token_are_limited_over_all_addresses(
    sign_in: SignIn, alice: User, bob: User, rates: Rates, call: str
) -> None:
    rates(guess="3/hour", guess_signed_in="4/hour", guess_address="9/hour")

    def guess(client: APIClient, n: int) -> int:
        if call == "password":
            wrong = {"password": "pass124", "new_password": "pass1234"}
            response = client.post("/users/me/password", wrong, REMOTE_ADDR=f"10.0.1.{n}")
        else:
            wrong = {"password": "pass124"}
            response = client.delete("/users/me", wrong, REMOTE_ADDR=f"10.0.1.{n}")
        return response.status_code

    thief = sign_in(alice)
    assert [guess(thief, n) for n in range(6)] == [403] * 4 + [429] * 2
    assert guess(sign_in(bob), 1) == 403


def test_a_stolen_token_does_not_keep_the_owner_from_changing_the_password(
    api: APIClient, sign_in: SignIn, alice: User, rates: Rates
) -> None:
    rates(guess="9/hour", guess_signed_in="2/hour", guess_address="9/hour")
    assert log_in(api, password=PASSWORD, at="10.0.0.1").status_code == 200
    client = sign_in(alice)

    def change(password: str, *, at: str) -> int:
        body = {"password": password, "new_password": "pass1234"}
        return client.post("/users/me/password", body, REMOTE_ADDR=at).status_code

    assert [change("wrong12", at=f"10.0.1.{n}") for n in range(3)] == [403, 403, 429]
    assert change(PASSWORD, at="10.0.1.4") == 429
    assert change(PASSWORD, at="10.0.0.1") == 204


def test_guesses_over_many_accounts_are_limited_per_ipv6_network(
    api: APIClient, alice: User, rates: Rates
) -> None:
    rates(guess_address="2/hour")
    guesses = [
        log_in(api, f"user-{n}@example.com", at=f"2001:db8:1:{n:x}::1").status_code
        for n in range(22)
    ]
    assert guesses == [401] * 20 + [429] * 2
    assert log_in(api, password=PASSWORD, at="2001:db8:2::1").status_code == 200


@pytest.mark.usefixtures("limited")
def test_without_redis_each_process_limits_guesses(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.redis.client.redis_client", lambda _: redis.Redis(port=1))
    token_buckets.reset()
    assert statuses(api, 20, password=PASSWORD) == [200] * 20
    assert statuses(api, 4) == [401] * 3 + [429]


@pytest.mark.usefixtures("limited")
def test_redis_holds_no_addresses(api: APIClient) -> None:
    log_in(api)
    log_in(api, password=PASSWORD)
    keys = redis_client().keys("*")
    assert keys
    assert all(b"alice" not in key and HOME.encode() not in key for key in keys)


def test_registrations_and_log_ins_are_limited_per_address(
    api: APIClient, alice: User, rates: Rates
) -> None:
    rates(register="1/hour", login="2/hour")
    bodies = [
        {"email": f"{n}@example.com", "username": f"user-{n}", "password": PASSWORD}
        for n in range(2)
    ]
    assert [api.post("/users/register", body).status_code for body in bodies] == [200, 429]
    assert statuses(api, 3, password=PASSWORD, at="127.0.0.1") == [200, 200, 429]
    assert log_in(api, password=PASSWORD).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, [], "x", {"email": None}, {"email": ["a"]}, {"email": "\x00"}]
)
def test_a_malformed_log_in_counts_too(api: APIClient, db: None, rates: Rates, body: Any) -> None:
    rates(login="3/hour")
    for _ in range(3):
        assert api.post("/users/login", body).status_code in (400, 422)
    assert api.post("/users/login", body).status_code == 429


def test_one_account_can_be_guessed_at_most_a_hundred_times_an_hour() -> None:
    """OWASP ASVS 2.2.1. A full bucket allows twice its rate in the first hour."""
    scopes = ("guess", "guess_account", "guess_signed_in")
    rates = [Rate.parse(str(base.RATES[scope])) for scope in scopes]
    assert sum(2 * rate.tokens * 3600 / rate.seconds for rate in rates) <= 100
