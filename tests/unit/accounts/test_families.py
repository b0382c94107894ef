"""The reuse of a spent refresh token ends its family. Requests are limited per session."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now
from rest_framework.test import APIClient

from accounts import services
from accounts.models import SpentRefresh, User
from common.db import alias
from common.http.revocation import revocations
from common.redis.client import redis_client
from tests.support.responses import assert_refused
from tests.support.sessions import claims, hello, log_in, log_out, refresh, sign

Rates = Callable[..., None]


def age_spent_tokens(seconds: int) -> None:
    SpentRefresh.objects.update(spent_at=Now() - timedelta(seconds=seconds))


def without_family(user: User, kind: str, jti: str = "old") -> str:
    """A token from before tokens carried families."""
    return sign(claims(user, token_type=kind, jti=jti))


def assert_works(api: APIClient, pair: dict[str, str]) -> None:
    revocations.forget()
    assert hello(pair["token"]).status_code == 200
    assert refresh(api, pair["refresh"]).status_code == 200


def assert_ended(api: APIClient, pair: dict[str, str]) -> None:
    revocations.forget()
    assert_refused(hello(pair["token"]), 401)
    assert_refused(refresh(api, pair["refresh"]), 401)


# Spent tokens


def test_reuse_within_30_seconds_ends_no_session(api: APIClient, alice: User) -> None:
    first = log_in(api).json()
    second = refresh(api, first["refresh"]).json()
    age_spent_tokens(29)
    assert_refused(refresh(api, first["refresh"]), 401)
    assert_works(api, second)


@pytest.mark.django_db(transaction=True)
def test_later_reuse_of_a_spent_token_ends_only_its_session(
    api: APIClient, alice: User, bob: User, caplog: pytest.LogCaptureFixture
) -> None:
    other, bobs = log_in(api).json(), log_in(api, "bob@example.com").json()
    first = log_in(api).json()
    second = refresh(api, first["refresh"]).json()
    third = refresh(api, second["refresh"]).json()
    age_spent_tokens(31)

    assert_refused(refresh(api, first["refresh"]), 401)

    assert f"a spent refresh token of user {alice.id} was used again" in caplog.text
    assert_ended(api, third)
    assert_refused(hello(first["token"]), 401)
    assert_works(api, other)
    assert_works(api, bobs)
    assert_works(api, log_in(api).json())


@pytest.mark.django_db(transaction=True)
def test_another_reuse_revokes_access_tokens_after_redis_lost_its_data(
    api: APIClient, alice: User
) -> None:
    first = log_in(api).json()
    second = refresh(api, first["refresh"]).json()
    age_spent_tokens(31)
    refresh(api, first["refresh"])
    redis_client().flushdb()
    revocations.forget()
    assert hello(second["token"]).status_code == 200

    refresh(api, first["refresh"])

    assert_ended(api, second)


def test_reuse_of_a_logged_out_token_is_refused(api: APIClient, alice: User) -> None:
    first = log_in(api).json()["refresh"]
    log_out(api, first)
    age_spent_tokens(31)
    assert_refused(refresh(api, first), 401)
    assert log_out(api, first).status_code == 204


@pytest.mark.parametrize("seconds", [0, 31])
def test_logging_out_with_a_spent_token_ends_only_its_session(
    api: APIClient, alice: User, seconds: int
) -> None:
    other, first = log_in(api).json(), log_in(api).json()["refresh"]
    second = refresh(api, first).json()["refresh"]
    age_spent_tokens(seconds)
    assert log_out(api, first).status_code == 204
    assert_refused(refresh(api, second), 401)
    assert_works(api, other)


def test_an_ended_family_is_kept_until_its_last_token_has_expired(
    api: APIClient, alice: User
) -> None:
    first = log_in(api).json()["refresh"]
    refresh(api, first)
    age_spent_tokens(31)
    refresh(api, first)
    spent, ended = SpentRefresh.objects.order_by("expires_at")
    assert ended.jti.startswith("family:")
    assert ended.expires_at >= spent.expires_at
    assert services.prune_spent_refreshes() == 0


def test_a_request_needs_no_query_to_check_the_family(
    api: APIClient, alice: User, django_assert_num_queries: Any
) -> None:
    token = log_in(api).json()["token"]
    with django_assert_num_queries(0):
        assert hello(token).status_code == 200


# Old and new code side by side


@pytest.mark.django_db(transaction=True)
def test_tokens_without_a_family_work_and_get_one_when_refreshed(
    api: APIClient, alice: User
) -> None:
    old = without_family(alice, "refresh")
    assert hello(without_family(alice, "access")).status_code == 200
    first = refresh(api, old).json()
    age_spent_tokens(31)
    assert_refused(refresh(api, old), 401)  # without a family, no session ends
    revocations.forget()
    assert hello(first["token"]).status_code == 200

    second = refresh(api, first["refresh"]).json()
    age_spent_tokens(31)
    assert_refused(refresh(api, first["refresh"]), 401)
    assert_ended(api, second)


def test_the_database_sets_spent_at_for_code_that_does_not(api: APIClient, alice: User) -> None:
    with connections[alias("accounts")].cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_spentrefresh (jti, expires_at) VALUES ('old', CURRENT_TIMESTAMP)"
        )
    recent = SpentRefresh.objects.filter(spent_at__gt=Now() - timedelta(minutes=1))
    assert recent.filter(jti="old").exists()


@pytest.mark.parametrize("family", [1, ["a"], {"a": "b"}])
def test_a_family_that_is_not_a_string_is_refused(api: APIClient, alice: User, family: Any) -> None:
    assert_refused(hello(sign(claims(alice, family=family))), 401)
    assert_refused(refresh(api, sign(claims(alice, token_type="refresh", family=family))), 401)


# Rate limits


def test_sessions_behind_one_address_share_no_limit(
    api: APIClient, alice: User, bob: User, rates: Rates
) -> None:
    pairs = [log_in(api).json(), log_in(api).json(), log_in(api, "bob@example.com").json()]
    rates(write="2/hour")
    for pair in pairs:
        first = refresh(api, pair["refresh"])
        second = refresh(api, first.json()["refresh"])
        assert [first.status_code, second.status_code] == [200, 200]
        third = refresh(api, second.json()["refresh"])
        assert_refused(third, 429)
        assert int(third["Retry-After"]) > 0


def test_a_session_is_limited_over_all_addresses(api: APIClient, alice: User, rates: Rates) -> None:
    token = log_in(api).json()["refresh"]
    rates(write="2/hour")
    statuses = [
        api.post("/users/refresh", {"refresh": token}, REMOTE_ADDR=f"10.0.0.{n}").status_code
        for n in range(3)
    ]
    assert statuses == [200, 401, 429]


def test_logging_out_is_limited_per_session(api: APIClient, alice: User, rates: Rates) -> None:
    here, there = (log_in(api).json()["refresh"] for _ in range(2))
    rates(write="2/hour")
    assert [log_out(api, here).status_code for _ in range(3)] == [204, 204, 429]
    assert log_out(api, there).status_code == 204


def test_tokens_without_a_family_are_limited_per_user(
    api: APIClient, alice: User, bob: User, rates: Rates
) -> None:
    rates(write="2/hour")
    olds = [without_family(alice, "refresh", jti) for jti in "abc"]
    assert [refresh(api, old).status_code for old in olds] == [200, 200, 429]
    assert refresh(api, without_family(bob, "refresh", "d")).status_code == 200


@pytest.mark.parametrize("address", ["/users/refresh", "/users/logout"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("[]", 400),
        ('"x"', 400),
        ("{}", 400),
        ('{"refresh": 1}', 400),
        ('{"refresh": ["a"]}', 400),
        ('{"refresh": ""}', 422),
        ('{"refresh": "made up"}', 401),
    ],
)
def test_a_body_without_a_valid_token_is_limited_per_address(
    api: APIClient, db: None, rates: Rates, address: str, body: str, status: int
) -> None:
    rates(write="2/hour")

    def send(at: str) -> int:
        response: Any = api.generic("POST", address, body, "application/json", REMOTE_ADDR=at)
        return int(response.status_code)

    assert [send("10.0.0.1") for _ in range(3)] == [status, status, 429]
    assert send("10.0.0.2") == status
