"""Access tokens that are refused before they expire.

Access tokens are verified without a database, so ending a user's sessions needs one fact that every
process can see: *tokens of this user from before epoch n count no more*. The facts stand in one
sorted set in Redis, scored by the time at which they stop mattering (an access token's lifetime
later), and each process reads the set at most once a second.

While Redis is away the last known set counts. Tokens live for 15 minutes, so that is the most that
a lost Redis can cost.
"""

import logging
import threading
import time

import redis.exceptions
from django.conf import settings
from django_redis import get_redis_connection

from common.errors import OUTAGES

KEY = "revoked"
EVERY_EPOCH = 2**31
_REFRESH_SECONDS = 1.0

log = logging.getLogger(__name__)


def revoke(user_id: int, *, before_epoch: int = EVERY_EPOCH) -> None:
    """Refuses the user's access tokens of earlier epochs, everywhere within some two seconds."""
    now = time.time()
    lifetime = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds()
    pipeline = get_redis_connection().pipeline(transaction=False)
    pipeline.zadd(KEY, {f"{user_id}:{before_epoch}": now + lifetime})
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

    def is_revoked(self, user_id: int, epoch: int) -> bool:
        if time.monotonic() - self._read_at > _REFRESH_SECONDS and self._lock.acquire(False):
            try:
                self._first_valid_epoch = self._read()
            except (*OUTAGES, redis.exceptions.ResponseError):
                log.warning("the set of revoked sessions can't be read: the last known one counts")
            finally:
                self._read_at = time.monotonic()
                self._lock.release()
        return epoch < self._first_valid_epoch.get(user_id, 0)

    def forget(self) -> None:
        """As in a new process: for tests."""
        self._read_at = float("-inf")
        self._first_valid_epoch = {}

    def _read(self) -> dict[int, int]:
        epochs: dict[int, int] = {}
        for member in get_redis_connection().zrangebyscore(KEY, time.time(), "+inf"):
            user_id, _, epoch = member.partition(b":")
            if user_id.isdigit() and epoch.isdigit():
                epochs[int(user_id)] = max(int(epoch), epochs.get(int(user_id), 0))
        return epochs


revocations = _Revocations()
