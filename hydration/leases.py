"""Leases: a value that was read before a change is never cached after it.

1. A reader that misses a key stores a lease (`L…`) under it *before* it reads the database, unless
   another reader's lease is there: of concurrent readers, the first one caches.
2. A writer deletes the key after its commit (`hydration.invalidate`), the lease included.
3. The reader caches what it read only if its lease is still there.

Each shard has a cache and leases of its own. If Redis refuses writes or is down, nothing is cached.
"""

import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

import redis

from common.errors import OUTAGES
from common.redis.scripts import Script, read_script

SECONDS = 3600  # until a cached value expires
MAX_MARKS = 2000  # of one viewer
_LEASE_SECONDS = 10

_LEASE = Script(read_script("hydration/lease"))
_FILL = Script(read_script("hydration/fill"))

log = logging.getLogger(__name__)


def take_lease(
    shard: str, keys: Iterable[str], marks_key: str = "", tweet_ids: Collection[int] = ()
) -> bytes | None:
    """Takes a lease on those keys, and on those of a viewer's marks of the tweets, without one.

    Returns None if Redis refuses it or is down.
    """
    lease = b"L" + secrets.token_hex(8).encode()
    try:
        _LEASE(keys=[marks_key, *keys], args=[lease, _LEASE_SECONDS, *tweet_ids], server=shard)
    except (redis.ResponseError, *OUTAGES) as error:  # out of memory, or down
        log.warning("Redis gives no lease, so nothing is cached: %s", error)
        return None
    return lease


def fill(
    shard: str,
    lease: bytes | None,
    values: Mapping[str, bytes],
    marks_key: str = "",
    marks: Mapping[int, bytes] | None = None,
    *,
    seconds: int = SECONDS,
) -> None:
    """Caches the values and the viewer's marks whose lease is still there."""
    if lease is None:
        return
    pairs = [part for pair in (marks or {}).items() for part in pair]
    with suppress(redis.ResponseError, *OUTAGES):
        _FILL(
            keys=[marks_key, *values],
            args=[lease, seconds, MAX_MARKS, len(values), *values.values(), *pairs],
            server=shard,
        )
