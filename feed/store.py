"""Timelines in Redis: the lists `feed:{user_id}` of entry ids, newest at the head.

Lists `authored:{author_id}` of what one author wrote and reposted are kept in the same way, where
readers merge them (see `feed.pulling`).

A timeline is *materialised* while its key exists. Its last element tells what lies below:

- `0`: nothing, the list reaches the beginning;
- `-` and a number, the build's marker: the list is being built and holds only what arrived since;
- an entry: older entries are in the database, and only there (the list's *floor*).

Each change of a list is one script, so readers and other workers see it whole or not at all.
README.md lists every key. A timeline stands on its owner's shard (`common.redis.shards`); an
author's own list on each shard where readers merge it.
"""

import logging
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings

from common.ids import parse_id
from common.redis import shards
from common.redis.client import redis_client
from feed.lists import TIMELINE, Kind, key, script
from feed.pipeline import CHUNK, Audience, Call, run
from hydration.codec import Row, marks_key
from hydration.read import LIBRARY

log = logging.getLogger(__name__)

COMPLETE = b"0"
_BUILDING = re.compile(rb"-\d+")
_MARKER_BITS = 48

# Entries beyond those shown that a list may hold before it is trimmed: one LTRIM for 64 pushes.
SLACK = 64
# Timelines that a slower script touches, see `feed.pipeline.CHUNK`.
SLOW_CHUNK = 250
MERGE_CHUNK = 50
# A redelivery within this time finds the marker of its chunk. A later one is late, and is put in
# its place by the script that looks first.
MARKER_SECONDS = 60
# Entries that are further apart than this and stand the wrong way round were not put so by us.
OUT_OF_ORDER = timedelta(seconds=2 * MARKER_SECONDS)
# How long a follow or unfollow is remembered against older answers and entries under way.
MEMORY_SECONDS = 120
IDLE = timedelta(days=30)
_IDLE_SECONDS = int(IDLE.total_seconds())

# Authors who are pulled: see `feed.pulling`.
PULLED_KEY = "pulled"

_PAGE = script("page", LIBRARY)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A materialised timeline as it stands in Redis, sorted and without doubles."""

    entries: Sequence[int | str]  # newest first; text where something else put it there
    is_complete: bool  # nothing older is in the database

    @property
    def ids(self) -> list[int]:
        return [entry for entry in self.entries if isinstance(entry, int)]


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of a timeline merged with its pulled authors, and what came from the cache."""

    entries: Sequence[int]
    has_more: bool  # in the lists
    is_complete: bool  # nothing older than the lists is in the database
    cached: Sequence[Row] | None = None  # for `hydration.read.complete`


def read(owner_id: int, kind: Kind = TIMELINE) -> Timeline | None:
    """The list, or None where it must be built. Keeps it for another 30 days."""
    return read_all([owner_id], kind, shard=kind.shard_of(owner_id))[0]


def read_all(owner_ids: Sequence[int], kind: Kind, *, shard: str) -> list[Timeline | None]:
    """As `read`, for several of one shard in one round trip."""
    names = [key(id, kind) for id in owner_ids]
    connection = redis_client(shard)
    pipeline = connection.pipeline(transaction=False)
    for name in names:
        pipeline.lrange(name, 0, -1)
        pipeline.expire(name, IDLE)
    answers = pipeline.execute(raise_on_error=False)
    return [
        _timeline(connection, name, found) for name, found in zip(names, answers[::2], strict=True)
    ]


def _timeline(connection: redis.Redis, name: str, found: Any) -> Timeline | None:
    if isinstance(found, redis.ResponseError):  # a value of another type: somebody else's mistake
        connection.delete(name)
        return None
    if isinstance(found, Exception):
        raise found
    if not found or _BUILDING.fullmatch(found[-1]):
        return None
    entries = _in_order(found)
    shown = settings.FEED_SHOWN
    return Timeline(entries[:shown], found[-1] == COMPLETE and len(entries) <= shown)


def join(timelines: Sequence[Timeline]) -> Timeline:
    """The first timeline with the entries of the others, as far down as all of them tell."""
    if len(timelines) == 1:
        return timelines[0]
    ids = {id for timeline in timelines for id in timeline.ids}
    floors = [t.ids[-1] for t in timelines if not t.is_complete and t.ids]
    floor = max(floors, default=0)
    joined = sorted((id for id in ids if id >= floor), reverse=True)
    shown = settings.FEED_SHOWN
    return Timeline(joined[:shown], not floors and len(joined) <= shown)


@dataclass(frozen=True, slots=True)
class Listed:
    """The ids of a materialised timeline in the order in which they stand."""

    entries: Sequence[int]
    is_complete: bool


def peek(owner_id: int, kind: Kind = TIMELINE) -> Listed | None:
    """What readers are shown from, left as it is and as long as it lives; None where there is none.

    A value of another type, or a list being built, is made anew by the next reader.
    """
    try:
        connection = redis_client(kind.shard_of(owner_id))
        found: Any = connection.lrange(key(owner_id, kind), 0, -1)
    except redis.ResponseError:
        return None
    if not found or _BUILDING.fullmatch(found[-1]):
        return None
    # whole: near its end an entry may stand behind an older one, and readers sort before they cut
    ids = [id for item in found if (id := parse_id(item)) is not None]
    return Listed(ids, found[-1] == COMPLETE)


def read_part(
    user_id: int, *, before_id: int | None = None, offset: int = 0, limit: int
) -> Part | None:
    """A part of the timeline in one round trip, or None where `read` must have a look at it."""
    try:
        answer = _PAGE(
            keys=[key(user_id), marks_key(user_id), PULLED_KEY, pulls_key(user_id)],
            args=[before_id or "", offset, limit, settings.FEED_SHOWN, _IDLE_SECONDS],
            server=shards.of(user_id),
        )
    except redis.ResponseError:  # a value of another type
        return None
    if answer is None:
        return None
    entries, has_more, is_complete, cached = answer
    return Part([int(entry) for entry in entries], bool(has_more), bool(is_complete), cached)


def materialised(user_ids: Sequence[int]) -> list[int]:
    """Those of the users whose timelines exist, those being built included."""
    materialised: list[int] = []
    for shard, ids in shards.group(user_ids).items():
        pipeline = redis_client(shard).pipeline(transaction=False)
        for user_id in ids:
            pipeline.exists(key(user_id))
        materialised += [id for id, found in zip(ids, pipeline.execute(), strict=True) if found]
    return materialised


def start_building(owner_id: int, kind: Kind = TIMELINE) -> bytes | None:
    """Makes the list exist, so that what arrives from now on is kept, unless it exists already.

    Returns the marker that `finish_building` takes: that of a build under way is shared, so a
    builder that died holds up nobody. None where Redis takes no writes.
    """
    try:
        marker: bytes = script("begin")(
            keys=[key(owner_id, kind)],
            args=[f"-{secrets.randbits(_MARKER_BITS)}", _IDLE_SECONDS],
            server=kind.shard_of(owner_id),
        )
    except (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError) as error:
        log.warning("Redis refuses to keep a timeline: %s", error)
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
    """Joins the database's entries, read since `start_building`, to those that arrived meanwhile.

    Does nothing where the list is complete by now, or was dropped and is being built again.
    """
    script("finish")(
        keys=[key(owner_id, kind)],
        args=[marker, settings.FEED_SHOWN, int(is_complete), *entries],
        server=kind.shard_of(owner_id),
    )


def forget(owner_id: int, kind: Kind = TIMELINE) -> None:
    connection = redis_client(kind.shard_of(owner_id))
    connection.delete(key(owner_id, kind), older_key(owner_id), pulls_key(owner_id))


def forget_all(user_ids: Sequence[int]) -> None:
    """Drops the users' timelines; their next readers build them."""
    for shard, ids in shards.group(user_ids).items():
        names = [name for id in ids for name in (key(id), older_key(id), pulls_key(id))]
        if names:
            redis_client(shard).unlink(*names)


def push(entry_id: int, author_id: int, audience: Audience | Sequence[int]) -> int:
    """Puts a fresh entry on top of the timelines that exist. Returns how many took it.

    Called again with the same first user within a minute it does nothing.
    """
    return run(pushing(entry_id, author_id, _audience(audience)))


def pushing(entry_id: int, author_id: int, audience: Audience) -> Iterator[Call]:
    args = [entry_id, MARKER_SECONDS, settings.FEED_SHOWN, settings.FEED_SHOWN + SLACK]
    for chunk in audience.chunks(CHUNK):
        marker = f"pushed:{entry_id}:{chunk.first_id}"
        yield Call("push", [marker, _unfollows(author_id)], chunk, args)


def insert(entry_id: int, author_id: int, audience: Audience | Sequence[int]) -> int:
    """Puts a late entry in its place in the timelines that exist and don't have it yet."""
    return run(inserting(entry_id, author_id, _audience(audience)))


def inserting(entry_id: int, author_id: int, audience: Audience) -> Iterator[Call]:
    args = [entry_id, settings.FEED_SHOWN, settings.FEED_SHOWN + SLACK]
    for chunk in audience.chunks(SLOW_CHUNK):
        yield Call("insert", [_unfollows(author_id)], chunk, args)


def merge(entry_ids: Sequence[int], author_id: int, user_ids: Sequence[int]) -> None:
    """Puts an author's entries, newest first, into the timelines that exist."""
    args = [settings.FEED_SHOWN, *entry_ids]
    run(
        Call("merge", [_unfollows(author_id)], chunk, args)
        for chunk in Audience(user_ids).chunks(MERGE_CHUNK)
    )


def remove(entry_ids: Sequence[int], audience: Audience | Sequence[int]) -> int:
    """Takes entries out of the timelines that exist. Returns how many timelines changed."""
    args = [settings.FEED_SHOWN, *entry_ids]
    return run(Call("remove", [], chunk, args) for chunk in _audience(audience).chunks(SLOW_CHUNK))


def settle(
    *, follower_id: int, author_id: int, following: bool, version: int, entries: Sequence[int]
) -> None:
    """Shows or hides the author's `entries` in the follower's timeline.

    `version` is that of accounts' answer `following`. After a newer answer about this pair was
    applied, an older one changes nothing, so concurrent handlers end where the newest one would.
    Version 0 is not known, and always applied.
    """
    script("settle")(
        keys=[
            key(follower_id), f"settled:{follower_id}:{author_id}", _unfollows(author_id),
            PULLED_KEY, pulls_key(follower_id),
        ],
        args=[
            follower_id, author_id, int(following), version, MEMORY_SECONDS, settings.FEED_SHOWN,
            *entries,
        ],
        server=shards.of(follower_id),
    )  # fmt: skip


def iter_materialised(kind: Kind = TIMELINE) -> Iterator[int]:
    """The owners of all lists that are read, in no order; a scan, so some may come twice."""
    for shard in [kind.shard] if kind.shard else shards.names():
        for name in redis_client(shard).scan_iter(match=f"{kind.prefix}:*", count=1000):
            owner_id = parse_id(name.partition(b":")[2])
            if owner_id is not None and kind.shard_of(owner_id) == shard:
                yield owner_id


def _in_order(raw: Sequence[bytes]) -> list[int | str]:
    """Sorted by id, without doubles and sentinels.

    Fresh entries are pushed as they come and may stand a few places off. What is no id keeps its
    place among the others.
    """
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


def older_key(user_id: int) -> str:
    return f"older:{user_id}"


def pulls_key(user_id: int) -> str:
    return f"pulls:{user_id}"


def _unfollows(author_id: int) -> str:
    return f"unfollowed:{author_id}"


def _audience(audience: Audience | Sequence[int]) -> Audience:
    return audience if isinstance(audience, Audience) else Audience(audience)
