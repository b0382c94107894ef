"""Removal of stale keys after a change of `FEED_REDIS_URLS`.

Workers update a list only on its owner's shard. A list left on another shard misses events, and
would be read once that shard is the owner's again. So before its first message, a worker removes
from each shard the keys of users of other shards, and all keys of a shard that was not listed for a
while. The next read of a moved user's timeline builds it.

The key `placement` of each shard holds `{version}:{number of shards}` of the list of servers for
which workers last updated that shard. A shard without it is new.
"""

import logging
from functools import cache

import redis

from common.batches import batched
from common.ids import parse_id
from common.redis import shards
from common.redis.client import redis_client
from feed import keys
from hydration import codec

_OF_ONE_USER = {
    name.partition(":")[0].encode()
    for name in (keys.timeline(0), keys.older(0), keys.pulls(0), codec.marks_key(0))
}
_OF_ALL = {
    name.partition(":")[0].encode()
    for name in (keys.authored(0), codec.tweet_key(0), codec.user_key(0))
}
_BATCH = 1000

Mark = tuple[int, int]  # version, number of shards

log = logging.getLogger(__name__)


def remove_stale_keys() -> None:
    """Idempotent, and safe to run in several workers at once."""
    marks = {shard: _mark(redis_client(shard)) for shard in shards.names()}
    last = max(filter(None, marks.values()), default=(0, 0))
    version, count = last
    current = last if count == len(marks) else (version + 1, len(marks))
    for shard, mark in marks.items():
        if mark != current:
            _clear(shard, wholly=mark is not None and mark != last)
            redis_client(shard).set(keys.PLACEMENT, "{}:{}".format(*current))


remove_stale_keys_once = cache(remove_stale_keys)  # once a process


def is_current(shard: redis.Redis) -> bool:
    """Whether workers last updated this shard for as many servers as are configured here."""
    mark = _mark(shard)
    return mark is None or mark[1] == len(shards.names())


def _mark(shard: redis.Redis) -> Mark | None:
    found = shard.get(keys.PLACEMENT)
    version, _, count = found.partition(b":") if isinstance(found, bytes) else (b"", b"", b"")
    return (int(version), int(count)) if version.isdigit() and count.isdigit() else None


def _clear(shard: str, *, wholly: bool) -> None:
    client = redis_client(shard)
    if wholly:
        client.delete(keys.PULLED)  # first, so that lists built from here on are complete
    elif len(shards.names()) == 1:
        return  # all users are here
    removed = 0
    for names in batched(client.scan_iter(count=_BATCH), _BATCH):
        if stale := [name for name in names if _is_stale(name, shard, wholly=wholly)]:
            removed += len(stale)
            client.unlink(*stale)
    log.info("%s: removed %s stale keys", shard, f"{removed:,}")


def _is_stale(name: bytes, shard: str, *, wholly: bool) -> bool:
    kind, _, id = name.partition(b":")
    if kind in _OF_ALL:
        return wholly
    owner_id = parse_id(id) if kind in _OF_ONE_USER else None
    return owner_id is not None and (wholly or shards.of(owner_id) != shard)
