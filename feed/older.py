"""Entries below a timeline's floor, read from the database a block at a time.

A page of any size asks the database about all whom the reader follows, thousands maybe. So one
answer is kept for the pages that follow: the key `older:{user_id}` holds it for some minutes, with
a lease (see `hydration.leases`). Whatever changes which entries a timeline shows drops it
(`show` in scripts/lists.lua); deleted entries and hidden authors are left out of each page anyway.
"""

from dataclasses import dataclass

import redis

from common.redis import shards
from common.redis.client import redis_client
from feed import store, truth
from grpc_services.clients.tweets import MAX_ENTRIES
from hydration.leases import fill, take_lease

SECONDS = 600


@dataclass(frozen=True, slots=True)
class _Block:
    before_id: int
    is_last: bool  # nothing older is in the database
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
    """None where nothing is cached, or what no one of us wrote."""
    try:
        found = redis_client(shards.of(user_id)).get(store.older_key(user_id))
        before_id, is_last, *entries = map(int, found.split() if isinstance(found, bytes) else [])
    except (redis.ResponseError, ValueError):  # another type; nothing, or a lease
        return None
    return _Block(before_id, bool(is_last), entries)


def _read(user_id: int, before_id: int) -> _Block:
    shard, name = shards.of(user_id), store.older_key(user_id)
    lease = take_lease(shard, [name])
    entries = truth.newest_entries(
        truth.authors_of(user_id), before_id=before_id, limit=MAX_ENTRIES
    )
    block = _Block(before_id, len(entries) < MAX_ENTRIES, entries)
    blob = " ".join(map(str, [block.before_id, int(block.is_last), *block.entries])).encode()
    fill(shard, lease, {name: blob}, seconds=SECONDS)
    return block
