"""Reading lists from Redis: timelines, and the lists of what one author wrote.

A list holds entry ids, newest at the head. It is *materialised* while its key exists. Its last
element says what lies below:

- `0`: nothing, the list reaches the first entry;
- `-` and a number, the build's marker: the list is being built and holds only what arrived since;
- an entry, the list's *floor*: older entries are only in the database.

A timeline is on its owner's shard (`common.redis.shards`), an author's own list on every shard
where a reader merges it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings

from common.ids import parse_id
from common.redis import shards
from common.redis.client import redis_client
from common.redis.scripts import read_script
from feed import keys, lists, lua
from feed.lists import TIMELINE, Kind
from hydration.codec import CachedValues, marks_key
from hydration.read import LIBRARY

COMPLETE = b"0"
_BUILDING = re.compile(rb"-\d+")

_PAGE = lua.script("page", LIBRARY, read_script("feed/window"), read_script("feed/author_lists"))


@dataclass(frozen=True, slots=True)
class Timeline:
    """A materialised list, sorted and without duplicates."""

    entries: Sequence[int | str]  # newest first; a str is not an id: another program wrote it
    is_complete: bool  # the database has nothing older

    @property
    def ids(self) -> list[int]:
        return [entry for entry in self.entries if isinstance(entry, int)]


@dataclass(frozen=True, slots=True)
class Listed:
    """The ids of a materialised list in the order of the list."""

    entries: Sequence[int]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of a timeline merged with its pulled authors' lists, and their cached tweets."""

    entries: Sequence[int]
    has_more: bool  # in the lists
    is_complete: bool  # the database has nothing older than the lists
    cached: CachedValues | None = None  # for `hydration.read.complete`


def read(owner_id: int, kind: Kind = TIMELINE) -> Timeline | None:
    """The list, or None where it must be built. The list then expires 30 days from now."""
    return read_all([owner_id], kind, shard=kind.shard_of(owner_id))[0]


def read_all(owner_ids: Sequence[int], kind: Kind, *, shard: str) -> list[Timeline | None]:
    """Like `read`, for several lists of one shard, in one round trip."""
    names = [lists.key(id, kind) for id in owner_ids]
    connection = redis_client(shard)
    pipeline = connection.pipeline(transaction=False)
    for name in names:
        pipeline.lrange(name, 0, -1)
        pipeline.expire(name, lists.IDLE)
    answers = pipeline.execute(raise_on_error=False)
    return [
        _timeline(connection, name, found) for name, found in zip(names, answers[::2], strict=True)
    ]


def _timeline(connection: redis.Redis, name: str, found: Any) -> Timeline | None:
    if isinstance(found, redis.ResponseError):  # another program wrote a value of another type
        connection.delete(name)
        return None
    if isinstance(found, Exception):
        raise found
    if not found or _BUILDING.fullmatch(found[-1]):
        return None
    entries = _in_order(found)
    shown = settings.FEED_SHOWN
    return Timeline(entries[:shown], found[-1] == COMPLETE and len(entries) <= shown)


def _in_order(raw: Sequence[bytes]) -> list[int | str]:
    """Sorted by id, without duplicates and sentinel. An element that is no id stays where it is."""
    parsed = [parse_id(item) for item in raw]
    ids = iter(sorted({id for id in parsed if id is not None}, reverse=True))
    ordered: list[int | str] = []
    for item, id in zip(raw, parsed, strict=True):
        if id is not None:
            following = next(ids, None)
            if following is not None:
                ordered.append(following)
        elif item != COMPLETE:
            ordered.append(item.decode(errors="replace"))
    return ordered


def join(timelines: Sequence[Timeline]) -> Timeline:
    """The entries of all the timelines, down to the highest of their floors."""
    if len(timelines) == 1:
        return timelines[0]
    ids = {id for timeline in timelines for id in timeline.ids}
    floors = [t.ids[-1] for t in timelines if not t.is_complete and t.ids]
    floor = max(floors, default=0)
    joined = sorted((id for id in ids if id >= floor), reverse=True)
    shown = settings.FEED_SHOWN
    return Timeline(joined[:shown], not floors and len(joined) <= shown)


def peek(owner_id: int, kind: Kind = TIMELINE) -> Listed | None:
    """The list as it is in Redis, without extending its expiry; None if it must be built."""
    try:
        connection = redis_client(kind.shard_of(owner_id))
        found: Any = connection.lrange(lists.key(owner_id, kind), 0, -1)
    except redis.ResponseError:  # a value of another type
        return None
    if not found or _BUILDING.fullmatch(found[-1]):
        return None
    # The whole list: readers sort before they cut, so an entry past `FEED_SHOWN` may be shown.
    ids = [id for item in found if (id := parse_id(item)) is not None]
    return Listed(ids, found[-1] == COMPLETE)


def read_part(
    user_id: int, *, before_id: int | None = None, offset: int = 0, limit: int
) -> Part | None:
    """A part of the timeline in one round trip; None if `read` must repair or build a list."""
    try:
        answer = _PAGE(
            keys=[keys.timeline(user_id), marks_key(user_id), keys.PULLED, keys.pulls(user_id)],
            args=[before_id or "", offset, limit, settings.FEED_SHOWN, lists.IDLE_SECONDS],
            server=shards.of(user_id),
        )
    except redis.ResponseError:  # a value of another type
        return None
    if answer is None:
        return None
    entries, has_more, is_complete, cached = answer
    return Part([int(entry) for entry in entries], bool(has_more), bool(is_complete), cached)


def materialised(user_ids: Sequence[int]) -> list[int]:
    """The users whose timelines exist, complete or being built."""
    materialised: list[int] = []
    for shard, ids in shards.group(user_ids).items():
        pipeline = redis_client(shard).pipeline(transaction=False)
        for user_id in ids:
            pipeline.exists(keys.timeline(user_id))
        materialised += [id for id, found in zip(ids, pipeline.execute(), strict=True) if found]
    return materialised


def iter_materialised(kind: Kind = TIMELINE) -> Iterator[int]:
    """The owners of all lists of a kind, in no order. It is a scan, so an owner may come twice."""
    for shard in [kind.shard] if kind.shard else shards.names():
        for name in redis_client(shard).scan_iter(match=f"{kind.prefix}:*", count=1000):
            owner_id = parse_id(name.partition(b":")[2])
            if owner_id is not None and kind.shard_of(owner_id) == shard:
                yield owner_id
