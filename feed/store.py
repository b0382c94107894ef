"""Timelines in Redis: the lists `feed:{user_id}` of entry ids, newest at the head.

Lists `authored:{author_id}` of what one author wrote and reposted are kept in the same way, where
readers merge them (see `feed.pulling`).

A timeline is *materialised* while its key exists. Its last element tells what lies below:

- `0`: nothing, the list reaches the beginning;
- `-1`: not known yet, the list is being built and holds only what arrived since;
- an entry: older entries are in the database, and only there (the list's *floor*).

Each change of a list is one script, so readers and other workers see it whole or not at all.
README.md lists every key. A timeline stands on its owner's shard (`common.shards`); an author's own
list on each shard where readers merge it.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from common import shards, tracing
from common.ids import parse_id
from common.lua import Script
from grpc_services import fragments
from grpc_services.blobs import marks_key

log = logging.getLogger(__name__)

COMPLETE = b"0"
BUILDING = b"-1"

# Entries beyond those shown that a list may hold before it is trimmed: one LTRIM for 64 pushes.
SLACK = 64
# Timelines a script touches: the server does nothing else meanwhile.
CHUNK = 1000
SLOW_CHUNK = 250
MERGE_CHUNK = 50
# A redelivery within this time finds the marker of its chunk. A later one is late, and is put in
# its place by the script that looks first.
MARKER_SECONDS = 60
# Entries that are further apart than this and stand the wrong way round were not put so by us.
OUT_OF_ORDER = timedelta(seconds=2 * MARKER_SECONDS)
# How long a follow or unfollow is remembered against news that cross it.
MEMORY_SECONDS = 120
IDLE = timedelta(days=30)
_IDLE_SECONDS = int(IDLE.total_seconds())

# Authors who are pulled: see `feed.pulling`.
PULLED = "pulled"

_SCRIPTS = Path(__file__).parent / "scripts"
_LIBRARY = (_SCRIPTS / "lists.lua").read_text()
_PAGE = Script(_LIBRARY + fragments.LIBRARY + (_SCRIPTS / "page.lua").read_text())


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a list."""

    prefix: str
    shard: str | None = None  # else the owner's

    def shard_of(self, owner_id: int) -> str:
        return self.shard or shards.of(owner_id)


TIMELINE = Kind("feed")


@cache
def authored(shard: str) -> Kind:
    return Kind("authored", shard)


def kinds() -> list[Kind]:
    return [TIMELINE, *map(authored, shards.names())]


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
    cached: Any = None  # for `fragments.complete`


def key(owner_id: int, kind: Kind = TIMELINE) -> str:
    return f"{kind.prefix}:{owner_id}"


def read(owner_id: int, kind: Kind = TIMELINE) -> Timeline | None:
    """The list, or None where it must be built. Keeps it for another 30 days."""
    return read_all([owner_id], kind, shard=kind.shard_of(owner_id))[0]


def read_all(owner_ids: Sequence[int], kind: Kind, *, shard: str) -> list[Timeline | None]:
    """As `read`, for several of one shard in one round trip."""
    names = [key(id, kind) for id in owner_ids]
    connection = shards.connection(shard)
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
    if not found or found[-1] == BUILDING:
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
        connection = shards.connection(kind.shard_of(owner_id))
        found: Any = connection.lrange(key(owner_id, kind), 0, -1)
    except redis.ResponseError:
        return None
    if not found or found[-1] == BUILDING:
        return None
    ids = [id for item in found[: settings.FEED_SHOWN] if (id := parse_id(item)) is not None]
    return Listed(ids, found[-1] == COMPLETE)


def read_part(
    user_id: int, *, before_id: int | None = None, offset: int = 0, limit: int
) -> Part | None:
    """A part of the timeline in one round trip, or None where `read` must have a look at it."""
    try:
        answer = _PAGE(
            keys=[key(user_id), marks_key(user_id), PULLED, pulls_key(user_id)],
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
        pipeline = shards.connection(shard).pipeline(transaction=False)
        for user_id in ids:
            pipeline.exists(key(user_id))
        materialised += [id for id, found in zip(ids, pipeline.execute(), strict=True) if found]
    return materialised


def start_building(owner_id: int, kind: Kind = TIMELINE) -> bool:
    """Makes the list exist, so that what arrives from now on is kept, unless it exists already.

    Returns whether it does: a Redis that is full refuses.
    """
    try:
        script("begin")(
            keys=[key(owner_id, kind)], args=[_IDLE_SECONDS], server=kind.shard_of(owner_id)
        )
    except redis.exceptions.OutOfMemoryError as error:
        log.warning("Redis refuses to keep a timeline: %s", error)
        return False
    return True


def finish_building(
    owner_id: int, entries: Sequence[int], *, is_complete: bool, kind: Kind = TIMELINE
) -> None:
    """Joins the database's entries to what arrived meanwhile, unless another one did so first."""
    script("finish")(
        keys=[key(owner_id, kind)],
        args=[settings.FEED_SHOWN, int(is_complete), *entries],
        server=kind.shard_of(owner_id),
    )


def forget(owner_id: int, kind: Kind = TIMELINE) -> None:
    connection = shards.connection(kind.shard_of(owner_id))
    connection.delete(key(owner_id, kind), pulls_key(owner_id))


class Audience:
    """Timelines that entries go to, their keys packed for the wire once."""

    def __init__(self, user_ids: Sequence[int], *, author_id: int | None = None) -> None:
        """With an author these are the followers', and the author's own lists come first."""
        self._parts = [
            _Part(shard, ids, author_id) for shard, ids in shards.group(user_ids).items()
        ]

    def chunks(self, size: int) -> Iterator["Chunk"]:
        """The shards' by turns, and for the same audience always the same."""
        if len(self._parts) == 1:
            return self._parts[0].chunks(size)
        turns = zip_longest(*(part.chunks(size) for part in self._parts))
        return (chunk for turn in turns for chunk in turn if chunk)


class _Part:
    """The part of an audience whose timelines are on one shard."""

    def __init__(self, shard: str, user_ids: Sequence[int], author_id: int | None) -> None:
        self._shard = shard
        self._ids = list(user_ids)
        self._keys = [f"${len(id) + 5}\r\nfeed:{id}\r\n" for id in map(str, user_ids)]
        if author_id is not None:
            names = [key(author_id, authored(shard))]
            if shard == shards.of(author_id):
                names.append(key(author_id))
            self._keys = [f"${len(name)}\r\n{name}\r\n" for name in names] + self._keys
            self._ids = [author_id] * len(names) + self._ids

    def chunks(self, size: int) -> Iterator["Chunk"]:
        for start in range(0, len(self._ids), size):
            keys = self._keys[start : start + size]
            yield Chunk(self._shard, self._ids[start], len(keys), "".join(keys).encode())


@dataclass(frozen=True, slots=True)
class Chunk:
    shard: str
    first_id: int
    size: int
    keys: bytes  # packed


@dataclass(frozen=True, slots=True)
class Call:
    """A script on a chunk of timelines."""

    script: str
    keys: Sequence[str]  # before the timelines'
    chunk: Chunk
    args: Sequence[int]


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
    return run(
        Call("remove", [], chunk, entry_ids) for chunk in _audience(audience).chunks(SLOW_CHUNK)
    )


def settle(
    *, follower_id: int, author_id: int, following: bool, at_ms: int, entries: Sequence[int]
) -> None:
    """Shows or hides the author's `entries` in the follower's timeline.

    `at_ms` is the time of the news that asks for it: where newer news of this pair was settled
    before, nothing happens, so handlers that cross each other end where the newest one would.
    """
    script("settle")(
        keys=[
            key(follower_id), _follows(author_id), _unfollows(author_id),
            PULLED, pulls_key(follower_id),
        ],
        args=[
            follower_id, author_id, int(following), at_ms, at_ms - MEMORY_SECONDS * 1000,
            MEMORY_SECONDS, settings.FEED_SHOWN, *entries,
        ],
        server=shards.of(follower_id),
    )  # fmt: skip


def iter_materialised(kind: Kind = TIMELINE) -> Iterator[int]:
    """The owners of all lists that are read, in no order; a scan, so some may come twice."""
    for shard in [kind.shard] if kind.shard else shards.names():
        for name in shards.connection(shard).scan_iter(match=f"{kind.prefix}:*", count=1000):
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
        elif item not in (COMPLETE, BUILDING):
            ordered.append(item.decode(errors="replace"))
    return ordered


def pulls_key(user_id: int) -> str:
    return f"pulls:{user_id}"


def _follows(author_id: int) -> str:
    return f"followed:{author_id}"


def _unfollows(author_id: int) -> str:
    return f"unfollowed:{author_id}"


def _audience(audience: Audience | Sequence[int]) -> Audience:
    return audience if isinstance(audience, Audience) else Audience(audience)


def run(calls: Iterable[Call]) -> int:
    """Runs the calls in order and adds up what they return.

    On each shard two full chunks are in flight, or as many small ones as they hold timelines, so
    that the next ones are found, packed and sent while Redis works on the last.
    """
    waiting = iter(calls)
    first = next(waiting, None)
    if first is None:
        return 0
    with tracing.span(f"redis {first.script}", "client"):
        return _pipeline(chain([first], waiting))


def _pipeline(calls: Iterable[Call]) -> int:
    pipes: dict[str, _Pipe] = {}
    try:
        for call in calls:
            shard = call.chunk.shard
            if shard not in pipes:
                pipes[shard] = _Pipe(shard)
            pipes[shard].send(call)
        return sum(pipe.finish() for pipe in pipes.values())
    finally:
        for pipe in pipes.values():
            pipe.close()


class _Pipe:
    """Calls to one shard, some of them under way."""

    def __init__(self, shard: str) -> None:
        self._client = shards.connection(shard)
        self._connection: Any = self._client.connection_pool.get_connection()
        self._in_flight: deque[tuple[Call, bytes]] = deque()
        self._unknown: list[tuple[Call, bytes]] = []
        self._timelines = 0  # in flight
        self._total = 0
        self._is_finished = False

    def send(self, call: Call) -> None:
        packed = _pack(call)
        self._connection.send_packed_command([packed])
        self._in_flight.append((call, packed))
        self._timelines += call.chunk.size
        while self._timelines > CHUNK and len(self._in_flight) > 1:
            self._receive()

    def finish(self) -> int:
        """What the calls returned, added up."""
        while self._in_flight:
            self._receive()
        for call, packed in self._unknown:
            self._client.script_load(script(call.script).source)
            self._connection.send_packed_command([packed])
            self._total += int(self._connection.read_response())
        self._is_finished = True
        return self._total

    def close(self) -> None:
        if not self._is_finished:  # answers may be under way that nobody waits for
            self._connection.disconnect()
        self._client.connection_pool.release(self._connection)

    def _receive(self) -> None:
        call, packed = self._in_flight.popleft()
        self._timelines -= call.chunk.size
        try:
            self._total += int(self._connection.read_response())
        except redis.exceptions.NoScriptError:  # Redis was restarted
            self._unknown.append((call, packed))


def _pack(call: Call) -> bytes:
    """As the wire has it: EVALSHA, the script, how many keys, the keys, the arguments."""
    keys = len(call.keys) + call.chunk.size
    head = ["EVALSHA", script(call.script).sha, str(keys), *call.keys]
    count = len(head) + call.chunk.size + len(call.args)
    return b"*%d\r\n%b%b%b" % (count, _bulk(head), call.chunk.keys, _bulk(map(str, call.args)))


def _bulk(parts: Iterable[str]) -> bytes:
    return "".join([f"${len(part)}\r\n{part}\r\n" for part in parts]).encode()


@cache
def script(name: str) -> Script:
    """A script that may use what lists.lua holds."""
    return Script(_LIBRARY + (_SCRIPTS / f"{name}.lua").read_text())
