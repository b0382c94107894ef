"""What becomes of what shards hold when `FEED_REDIS_URLS` names others: nothing old may be read.

A list is right as long as workers keep it up, and they do so on its owner's shard alone. Elsewhere
it would go on standing, and be read one day without all that came meanwhile. So before a worker
handles its first message it takes away what it won't keep up: of each shard what belongs to users
who are on another one now, and all of a shard that was left out for a while. Those who moved have
their timelines built by their first read.

The key `placement` of each shard holds `{version}:{number of shards}` of the list of servers under
which workers kept it up. One that has none was empty when it was last started.
"""

import logging
from functools import cache

import redis

from common.batches import batched
from common.ids import parse_id
from common.redis import shards
from common.redis.client import redis_client
from feed import store

KEY = "placement"

_OF_ONE_USER = frozenset({b"feed", b"older", b"pulls", b"marks"})
_OF_ALL = frozenset({b"authored", b"tweet", b"user"})
_SCANNED = 1000

Mark = tuple[int, int]  # version, number of shards

log = logging.getLogger(__name__)


def settle() -> None:
    """Takes away what is not kept up. Done again, or by several workers at once, it is the same."""
    marks = {shard: _mark(redis_client(shard)) for shard in shards.names()}
    last = max(filter(None, marks.values()), default=(0, 0))
    version, count = last
    now = last if count == len(marks) else (version + 1, len(marks))
    for shard, mark in marks.items():
        if mark != now:
            _clear(shard, wholly=mark is not None and mark != last)
            redis_client(shard).set(KEY, "{}:{}".format(*now))


settle_once = cache(settle)  # in a process


def is_settled(shard: redis.Redis) -> bool:
    """Whether workers keep it up as one of the servers that are listed here."""
    mark = _mark(shard)
    return mark is None or mark[1] == len(shards.names())


def _mark(shard: redis.Redis) -> Mark | None:
    found = shard.get(KEY)
    version, _, count = found.partition(b":") if isinstance(found, bytes) else (b"", b"", b"")
    return (int(version), int(count)) if version.isdigit() and count.isdigit() else None


def _clear(shard: str, *, wholly: bool) -> None:
    client = redis_client(shard)
    if wholly:
        client.delete(store.PULLED_KEY)  # first: lists that are built from now on lack nothing
    elif len(shards.names()) == 1:
        return  # nobody is elsewhere
    cleared = 0
    for names in batched(client.scan_iter(count=_SCANNED), _SCANNED):
        if doomed := [name for name in names if _is_doomed(name, shard, wholly=wholly)]:
            cleared += len(doomed)
            client.unlink(*doomed)
    log.info("%s: %s keys that are not kept up any more are taken away", shard, f"{cleared:,}")


def _is_doomed(name: bytes, shard: str, *, wholly: bool) -> bool:
    kind, _, id = name.partition(b":")
    if kind in _OF_ALL:
        return wholly
    owner_id = parse_id(id) if kind in _OF_ONE_USER else None
    return owner_id is not None and (wholly or shards.of(owner_id) != shard)
