"""Entries below a timeline's floor, read from the database in blocks and cached.

A page of any size asks the database about all authors that the reader follows, which can be
thousands. So a block of up to 1,000 entries is cached for the next pages under `older:{user_id}`,
with a lease (`hydration.leases`). `change_entries` in scripts/lists.lua drops it.
"""

from dataclasses import dataclass

import redis

from common.redis import shards
from common.redis.client import redis_client
from feed import expected, keys
from grpc_services.clients.tweets import MAX_ENTRIES
from hydration.leases import fill, take_lease

SECONDS = 600


@dataclass(frozen=True, slots=True)
class _Block:
    before_id: int
    is_last: bool  # the database has nothing older
    entries: list[int]  # newest first


def entries_below(user_id: int, before_id: int, limit: int) -> list[int]:
    """The newest `limit` entries of the user's feed that are older than `before_id`."""
    block = _find(user_id)
    if block and before_id <= block.before_id:
        below = [id for id in block.entries if id < before_id]
        if len(below) >= limit or block.is_last:
            return below[:limit]
    return _read(user_id, before_id).entries[:limit]


def _find(user_id: int) -> _Block | None:
    """The cached block; None if there is none, a lease, or a value of another format."""
    try:
        found = redis_client(shards.of(user_id)).get(keys.older(user_id))
        before_id, is_last, *entries = map(int, found.split() if isinstance(found, bytes) else [])
    except (redis.ResponseError, ValueError):
        return None
    return _Block(before_id, bool(is_last), entries)


def _read(user_id: int, before_id: int) -> _Block:
    shard, name = shards.of(user_id), keys.older(user_id)
    lease = take_lease(shard, [name])
    entries = expected.newest_entries(
        expected.authors_of(user_id), before_id=before_id, limit=MAX_ENTRIES
    )
    block = _Block(before_id, len(entries) < MAX_ENTRIES, entries)
    blob = " ".join(map(str, [block.before_id, int(block.is_last), *block.entries])).encode()
    fill(shard, lease, {name: blob}, seconds=SECONDS)
    return block
