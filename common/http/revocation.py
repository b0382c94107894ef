"""Access tokens that are refused before they expire.

Access tokens are verified without a database, so ending sessions needs facts that every process can
see: *tokens of this user from before epoch n don't count*, and *tokens of this family don't count*.
The facts are members of one sorted set in Redis, scored by the time at which they stop mattering
(an access token's lifetime later), and each process reads the set at most once a second.

While Redis is away the last known set counts. Tokens live for 15 minutes, so that is the most that
a lost Redis can cost.
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
_FAMILY = "family"  # no user's id: processes from before there were families skip the member
_REFRESH_SECONDS = 1.0

log = logging.getLogger(__name__)


def revoke(user_id: int, *, before_epoch: int = EVERY_EPOCH) -> None:
    """Refuses the user's access tokens of earlier epochs, everywhere within some two seconds."""
    _add(f"{user_id}:{before_epoch}", of_user=user_id)


def revoke_family(family: str, *, user_id: int) -> None:
    """Refuses the access tokens of one of the user's sessions, everywhere as soon."""
    _add(f"{_FAMILY}:{family}", of_user=user_id)


def _add(member: str, *, of_user: int) -> None:
    now = time.time()
    lifetime: timedelta = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    # A clock that is ahead may have issued the token or drop the member, one that is behind may
    # accept the token, and each of the three differs from the next by the leeway at most.
    outlasts = lifetime + 3 * settings.SIMPLE_JWT["LEEWAY"]
    pipeline = redis_client().pipeline(transaction=False)
    pipeline.zadd(KEY, {member: now + outlasts.total_seconds()})
    pipeline.zremrangebyscore(KEY, "-inf", now)
    try:
        pipeline.execute()
    except OUTAGES:
        log.warning("could not revoke sessions of user %s: Redis is down", of_user)


class _Revocations:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._first_valid_epoch: dict[int, int] = {}
        self._ended_families: frozenset[str] = frozenset()

    def is_revoked(self, user_id: int, epoch: int, family: str | None = None) -> bool:
        """`family` is None for tokens from before there were families."""
        if time.monotonic() - self._read_at > _REFRESH_SECONDS and self._lock.acquire(False):
            try:
                self._first_valid_epoch, self._ended_families = self._read()
            except (*OUTAGES, redis.exceptions.ResponseError):
                log.warning("the set of revoked sessions can't be read: the last known one counts")
            finally:
                self._read_at = time.monotonic()
                self._lock.release()
        return epoch < self._first_valid_epoch.get(user_id, 0) or family in self._ended_families

    def forget(self) -> None:
        """As in a new process: for tests."""
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
