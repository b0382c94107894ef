"""Changing lists in Redis. `feed.reads` says what a list holds.

Each change of a list is one script, so readers and other workers see all of it or nothing.
"""

import logging
import secrets
from collections.abc import Iterator, Sequence

import redis
from django.conf import settings

from common.redis import shards
from common.redis.client import redis_client
from feed import keys, lists
from feed.lists import TIMELINE, Kind
from feed.lua import script
from feed.pipeline import CHUNK, Audience, Call, run

log = logging.getLogger(__name__)

_MARKER_BITS = 48

# Timelines that one call of a slower script changes; `CHUNK` for the fast one.
SLOW_CHUNK = 250
MERGE_CHUNK = 50
# A redelivery is recognised for this long by the marker of its chunk. A later one is inserted by
# the script that reads the list first.
MARKER_SECONDS = 60
# A follow or unfollow is remembered this long, so that older answers and running fan-outs do not
# undo it.
MEMORY_SECONDS = 120


def start_building(owner_id: int, kind: Kind = TIMELINE) -> bytes | None:
    """Creates the list unless it exists, so that entries that arrive from now on are kept.

    Returns the marker for `finish_building`; None if Redis refuses writes. Concurrent builders
    share a marker, so one that died delays no other.
    """
    try:
        marker: bytes = script("begin")(
            keys=[lists.key(owner_id, kind)],
            args=[f"-{secrets.randbits(_MARKER_BITS)}", lists.IDLE_SECONDS],
            server=kind.shard_of(owner_id),
        )
    except (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError) as error:
        log.warning("Redis refuses to store a timeline: %s", error)
        return None
    return marker


def finish_building(
    owner_id: int,
    marker: bytes,
    entries: Sequence[int],
    *,
    is_complete: bool,
    kind: Kind = TIMELINE,
) -> None:
    """Adds the database's entries, read since `start_building`.

    Does nothing if the list is complete, or was dropped and started again.
    """
    script("finish")(
        keys=[lists.key(owner_id, kind)],
        args=[marker, settings.FEED_SHOWN, int(is_complete), *entries],
        server=kind.shard_of(owner_id),
    )


def forget(owner_id: int, kind: Kind = TIMELINE) -> None:
    """Drops the list; its next reader builds it."""
    redis_client(kind.shard_of(owner_id)).delete(*_list_and_caches(owner_id, kind))


def forget_all(user_ids: Sequence[int]) -> None:
    """Drops the users' timelines; their next readers build them."""
    for shard, ids in shards.group(user_ids).items():
        names = [name for id in ids for name in _list_and_caches(id, TIMELINE)]
        if names:
            redis_client(shard).unlink(*names)


def _list_and_caches(owner_id: int, kind: Kind) -> tuple[str, ...]:
    return lists.key(owner_id, kind), keys.older(owner_id), keys.pulls(owner_id)


def push(entry_id: int, author_id: int, audience: Audience | Sequence[int]) -> int:
    """Pushes a fresh entry onto the timelines that exist. Returns how many took it.

    A chunk is identified by entry and first user; a repetition within a minute does nothing.
    """
    return run(push_calls(entry_id, author_id, _audience(audience)))


def push_calls(entry_id: int, author_id: int, audience: Audience) -> Iterator[Call]:
    args = [entry_id, MARKER_SECONDS, settings.FEED_SHOWN]
    for chunk in audience.chunks(CHUNK):
        marker = keys.pushed(entry_id, chunk.first_id)
        yield Call("push", [marker, keys.unfollowed(author_id)], chunk, args)


def insert(entry_id: int, author_id: int, audience: Audience | Sequence[int]) -> int:
    """Inserts a late entry in order into the timelines that exist and lack it."""
    return run(insert_calls(entry_id, author_id, _audience(audience)))


def insert_calls(entry_id: int, author_id: int, audience: Audience) -> Iterator[Call]:
    args = [entry_id, settings.FEED_SHOWN]
    for chunk in audience.chunks(SLOW_CHUNK):
        yield Call("insert", [keys.unfollowed(author_id)], chunk, args)


def merge(entry_ids: Sequence[int], author_id: int, user_ids: Sequence[int]) -> None:
    """Inserts an author's entries, newest first, into the timelines that exist."""
    args = [settings.FEED_SHOWN, *entry_ids]
    run(
        Call("merge", [keys.unfollowed(author_id)], chunk, args)
        for chunk in Audience(user_ids).chunks(MERGE_CHUNK)
    )


def remove(entry_ids: Sequence[int], audience: Audience | Sequence[int]) -> int:
    """Removes entries from the timelines that exist. Returns how many timelines changed."""
    args = [settings.FEED_SHOWN, *entry_ids]
    return run(Call("remove", [], chunk, args) for chunk in _audience(audience).chunks(SLOW_CHUNK))


def apply_follow(
    *, follower_id: int, author_id: int, following: bool, version: int, entries: Sequence[int]
) -> None:
    """Adds the author's `entries` to the follower's timeline, or removes them if not `following`.

    `version` is that of the follow relation. An older version changes nothing, so concurrent
    handlers end with the newest. Version 0 is unknown and always applied.
    """
    script("apply_follow")(
        keys=[
            keys.timeline(follower_id), keys.follow_version(follower_id, author_id),
            keys.unfollowed(author_id), keys.PULLED, keys.pulls(follower_id),
        ],
        args=[
            follower_id, author_id, int(following), version, MEMORY_SECONDS, settings.FEED_SHOWN,
            *entries,
        ],
        server=shards.of(follower_id),
    )  # fmt: skip


def _audience(audience: Audience | Sequence[int]) -> Audience:
    return audience if isinstance(audience, Audience) else Audience(audience)
