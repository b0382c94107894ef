"""Tokens between hosts whose clocks differ by as much as `doctor` allows."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import SpentRefresh, User
from common.http.revocation import KEY, revoke
from common.redis.client import redis_client
from tests.support.responses import assert_refused
from tests.support.sessions import claims, hello, refresh, sign
from twitter_project import doctor

SKEW = timedelta(seconds=settings.CLOCK_SKEW_SECONDS)
LEEWAY: timedelta = settings.SIMPLE_JWT["LEEWAY"]
APART = 2 * SKEW
MOMENT = timedelta(seconds=0.5)  # tokens round times down to whole seconds


def is_accepted(kind: str, token: str) -> bool:
    response: Any = hello(token) if kind == "access" else refresh(APIClient(), token)
    if response.status_code == 200:
        return True
    assert_refused(response, 401)
    return False


def test_the_leeway_is_twice_the_skew_that_the_doctor_allows() -> None:
    def ahead_by(skew: timedelta) -> bool:
        theirs = time.time() + skew.total_seconds()
        return not doctor.compare_clock("redis", lambda: theirs).is_problem

    assert ahead_by(0.99 * SKEW)
    assert ahead_by(-0.99 * SKEW)
    assert not ahead_by(1.01 * SKEW)
    assert LEEWAY == 2 * SKEW


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_issued_by_a_clock_within_the_leeway_is_accepted(alice: User, kind: str) -> None:
    issued = timezone.now() + APART
    token = sign(claims(alice, token_type=kind, iat=issued, exp=issued + timedelta(minutes=1)))
    assert is_accepted(kind, token)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_issued_by_a_clock_far_ahead_is_refused(alice: User, kind: str) -> None:
    issued = timezone.now() + APART + timedelta(minutes=1)
    token = sign(claims(alice, token_type=kind, iat=issued, exp=issued + timedelta(minutes=1)))
    assert not is_accepted(kind, token)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_that_expired_by_a_clock_within_the_skew_is_accepted(
    alice: User, kind: str
) -> None:
    token = sign(claims(alice, token_type=kind, exp=timezone.now() - SKEW + MOMENT))
    assert is_accepted(kind, token)


def test_a_memoized_token_keeps_its_leeway(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign(claims(alice))
    assert hello(token).status_code == 200
    expiry = jwt.decode(token, options={"verify_signature": False})["exp"]

    def at(moment: float) -> int:
        with monkeypatch.context() as patch:
            patch.setattr("common.http.authentication.time.time", lambda: moment)
            return int(hello(token).status_code)

    assert at(expiry + LEEWAY.total_seconds() - 0.01) == 200
    assert at(expiry + LEEWAY.total_seconds()) == 401


# Records about a token must outlast it even if the clock that issued it is ahead, the clock that
# accepts it is behind, and the clock that deletes the records is ahead.


def test_a_revocation_outlasts_the_tokens_on_every_clock() -> None:
    lifetime: timedelta = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    before = timezone.now()
    revoke(5)
    members: Any = redis_client().zrange(KEY, 0, -1, withscores=True)
    ((_, score),) = members
    kept_until = datetime.fromtimestamp(score, tz=UTC)
    assert kept_until >= before + lifetime + 3 * LEEWAY


def test_a_spent_token_is_kept_until_it_has_expired_on_every_clock(
    api: APIClient, alice: User
) -> None:
    pair = tokens.issue(alice)
    assert refresh(api, pair.refresh).status_code == 200
    lifetime: timedelta = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    kept_until = SpentRefresh.objects.get().expires_at
    assert kept_until >= timezone.now() + lifetime + 2 * LEEWAY
    assert tokens.latest_refresh_expiry() >= kept_until
