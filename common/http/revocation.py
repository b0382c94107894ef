"""Revokes access tokens before they expire.

Tokens are verified without a database, so every process reads the revocations from Redis, at most
once a second. They are members of one sorted set: *the tokens of this user before epoch n*, and
*the tokens of this family*. The score is the time at which the last such token has expired.

While Redis is down, processes use the last set that they read. Tokens live for 15 minutes, so they
are valid for at most that long after a lost revocation.
"""

import logging
import threading
import time
from datetime import timedelta
from typing import Any

import redis.exceptions
from django.conf import settings

from common.errors import OUTAGES
from common.redis.client import redis_client

KEY = "revoked"
EVERY_EPOCH = 2**31
_FAMILY = "family"  # not a user id, so older processes ignore the member
REFRESH_SECONDS = 1.0

log = logging.getLogger(__name__)


def revoke(user_id: int, *, before_epoch: int = EVERY_EPOCH) -> None:
    """Revokes the user's access tokens of earlier epochs, in all processes within two seconds."""
    _add(f"{user_id}:{before_epoch}", user_id=user_id)


def revoke_family(family: str, *, user_id: int) -> None:
    """Revokes the access tokens of one of the user's sessions, as quickly."""
    _add(f"{_FAMILY}:{family}", user_id=user_id)


def _add(member: str, *, user_id: int) -> None:
    now = time.time()
    lifetime: timedelta = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    # Three clocks count: of the process that issued the token, of the one that verifies it, and of
    # the one that removes the member. Each two differ by the leeway at most.
    kept_for = lifetime + 3 * settings.SIMPLE_JWT["LEEWAY"]
    pipeline = redis_client().pipeline(transaction=False)
    pipeline.zadd(KEY, {member: now + kept_for.total_seconds()})
    pipeline.zremrangebyscore(KEY, "-inf", now)
    try:
        pipeline.execute()
    except OUTAGES:
        log.warning("could not revoke the sessions of user %s: Redis is down", user_id)


class _Revocations:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._first_valid_epoch: dict[int, int] = {}
        self._ended_families: frozenset[str] = frozenset()

    def is_revoked(self, user_id: int, epoch: int, family: str | None = None) -> bool:
        """`family` is None for tokens of older versions."""
        if time.monotonic() - self._read_at > REFRESH_SECONDS and self._lock.acquire(False):
            try:
                self._first_valid_epoch, self._ended_families = self._read()
            except (*OUTAGES, redis.exceptions.ResponseError):
                log.warning("could not read the revoked sessions: using the last known ones")
            finally:
                self._read_at = time.monotonic()
                self._lock.release()
        return epoch < self._first_valid_epoch.get(user_id, 0) or family in self._ended_families

    def forget(self) -> None:
        """Restores the state of a new process. Tests use it."""
        self._read_at = float("-inf")
        self._first_valid_epoch = {}
        self._ended_families = frozenset()

    def _read(self) -> tuple[dict[int, int], frozenset[str]]:
        epochs: dict[int, int] = {}
        families: set[str] = set()
        members: Any = redis_client().zrangebyscore(KEY, time.time(), "+inf")
        for member in members:
            owner, _, value = member.decode(errors="replace").partition(":")
            if owner == _FAMILY:
                families.add(value)
            elif owner.isdecimal() and value.isdecimal():
                epochs[int(owner)] = max(int(value), epochs.get(int(owner), 0))
        return epochs, frozenset(families)


revocations = _Revocations()
