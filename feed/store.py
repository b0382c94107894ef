"""Timelines in Redis: the lists `feed:{user_id}` of entry ids, newest at the head.

A timeline is *materialised* while its key exists. Its last element tells what lies below:

- `0`: nothing, the list reaches the beginning;
- `-1`: not known yet, the list is being built and holds only what arrived since;
- an entry: older entries are in the database, and only there (the list's *floor*).

Each change of a list is one script, so readers and other workers see it whole or not at all.
README.md lists every key.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django_redis import get_redis_connection
from redis.commands.core import Script

from common import tracing
from common.ids import parse_id
from grpc_services import fragments

COMPLETE = b"0"
BUILDING = b"-1"

# Entries beyond those shown that a list may hold before it is trimmed: one LTRIM for 64 pushes.
SLACK = 64
# Timelines a script touches: the server does nothing else meanwhile.
CHUNK = 1000
SLOW_CHUNK = 250
# A redelivery within this time finds the marker of its chunk. A later one is late, and is put in
# its place by the script that looks first.
MARKER_SECONDS = 60
# Entries that are further apart than this and stand the wrong way round were not put so by us.
OUT_OF_ORDER = timedelta(seconds=2 * MARKER_SECONDS)
# How long a follow or unfollow is remembered against news that cross it.
MEMORY_SECONDS = 120
IDLE = timedelta(days=30)
_IDLE_SECONDS = int(IDLE.total_seconds())

_SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True)
class Timeline:
    """A materialised timeline as it stands in Redis, sorted and without doubles."""

    entries: Sequence[int | str]  # newest first; text where something else put it there
    is_complete: bool  # nothing older is in the database


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of a materialised timeline, and what came along from the cache."""

    entries: Sequence[int]
    has_more: bool  # in the list
    is_complete: bool  # nothing older than the list is in the database
    cached: Any  # for `fragments.complete`


def key(user_id: int) -> str:
    return f"feed:{user_id}"


def read(user_id: int) -> Timeline | None:
    """The timeline, or None where it must be built. Keeps it for another 30 days."""
    pipeline = _redis().pipeline(transaction=False)
    pipeline.lrange(key(user_id), 0, -1)
    pipeline.expire(key(user_id), IDLE)
    found = pipeline.execute(raise_on_error=False)[0]
    if isinstance(found, redis.ResponseError):  # a value of another type: somebody else's mistake
        _redis().delete(key(user_id))
        return None
    if isinstance(found, Exception):
        raise found
    if not found or found[-1] == BUILDING:
        return None
    return Timeline(_in_order(found)[: settings.FEED_SHOWN], found[-1] == COMPLETE)


@dataclass(frozen=True, slots=True)
class Listed:
    """The ids of a materialised timeline in the order in which they stand."""

    entries: Sequence[int]
    is_complete: bool


def peek(user_id: int) -> Listed | None:
    """What readers are shown from, left as it is and as long as it lives; None where there is none.

    A value of another type, or a list being built, is made anew by the next reader.
    """
    try:
        found: Any = _redis().lrange(key(user_id), 0, -1)
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
        answer = fragments.script("page", _SCRIPTS)(
            keys=[key(user_id), fragments.marks_key(user_id)],
            args=[before_id or "", offset, limit, settings.FEED_SHOWN, _IDLE_SECONDS],
        )
    except redis.ResponseError:  # a value of another type
        return None
    if answer is None:
        return None
    entries, has_more, is_complete, cached = answer
    return Part([int(entry) for entry in entries], bool(has_more), bool(is_complete), cached)


def materialised(user_ids: Sequence[int]) -> list[int]:
    """Those of the users whose timelines exist, those being built included."""
    pipeline = _redis().pipeline(transaction=False)
    for user_id in user_ids:
        pipeline.exists(key(user_id))
    return [id for id, found in zip(user_ids, pipeline.execute(), strict=True) if found]


def start_building(user_id: int) -> None:
    """Makes the list exist, so that what arrives from now on is kept, unless it exists already."""
    _script("begin")(keys=[key(user_id)], args=[_IDLE_SECONDS])


def finish_building(user_id: int, entries: Sequence[int], *, is_complete: bool) -> None:
    """Joins the database's entries to what arrived meanwhile, unless another one did so first."""
    _script("finish")(keys=[key(user_id)], args=[settings.FEED_SHOWN, int(is_complete), *entries])


def forget(user_id: int) -> None:
    _redis().delete(key(user_id))


def push(entry_id: int, author_id: int, user_ids: Sequence[int]) -> int:
    """Puts a fresh entry on top of the timelines that exist. Returns how many took it.

    Called again with the same first user within a minute it does nothing.
    """
    args = [entry_id, MARKER_SECONDS, settings.FEED_SHOWN, settings.FEED_SHOWN + SLACK]
    return _run_all(
        "push",
        (
            ([f"pushed:{entry_id}:{chunk[0]}", _unfollows(author_id), *map(key, chunk)], args)
            for chunk in _chunks(user_ids, CHUNK)
        ),
    )


def insert(entry_id: int, author_id: int, user_ids: Sequence[int]) -> int:
    """Puts a late entry in its place in the timelines that exist and don't have it yet."""
    args = [entry_id, settings.FEED_SHOWN, settings.FEED_SHOWN + SLACK]
    return _run_all(
        "insert",
        (
            ([_unfollows(author_id), *map(key, chunk)], args)
            for chunk in _chunks(user_ids, SLOW_CHUNK)
        ),
    )


def remove(entry_ids: Sequence[int], user_ids: Sequence[int]) -> int:
    """Takes entries out of the timelines that exist. Returns how many timelines changed."""
    return _run_all(
        "remove", (([*map(key, chunk)], entry_ids) for chunk in _chunks(user_ids, SLOW_CHUNK))
    )


def settle(
    *, follower_id: int, author_id: int, following: bool, at_ms: int, entries: Sequence[int]
) -> None:
    """Shows or hides the author's `entries` in the follower's timeline.

    `at_ms` is the time of the news that asks for it: where newer news of this pair was settled
    before, nothing happens, so handlers that cross each other end where the newest one would.
    """
    _script("settle")(
        keys=[key(follower_id), _follows(author_id), _unfollows(author_id)],
        args=[
            follower_id, int(following), at_ms, at_ms - MEMORY_SECONDS * 1000, MEMORY_SECONDS,
            settings.FEED_SHOWN, *entries,
        ],
    )  # fmt: skip


def iter_materialised() -> Iterator[int]:
    """The owners of all timelines in Redis, in no order; a scan, so some may come twice."""
    for name in _redis().scan_iter(match="feed:*", count=1000):
        user_id = parse_id(name.removeprefix(b"feed:"))
        if user_id is not None:
            yield user_id


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


def _follows(author_id: int) -> str:
    return f"followed:{author_id}"


def _unfollows(author_id: int) -> str:
    return f"unfollowed:{author_id}"


def _chunks(user_ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(user_ids), size):
        yield user_ids[start : start + size]


def _redis() -> redis.Redis:
    connection: redis.Redis = get_redis_connection()
    return connection


def _run_all(name: str, calls: Iterable[tuple[Sequence[str], Sequence[int]]]) -> int:
    """Runs the script for each pair of keys and arguments, and adds up what it returns."""
    with tracing.span(f"redis {name}", "client"):
        return _pipeline(name, calls)


def _pipeline(name: str, calls: Iterable[tuple[Sequence[str], Sequence[int]]]) -> int:
    """Two calls are in flight: the next one is packed and sent while Redis works on the last."""
    script = _script(name)
    pool = _redis().connection_pool
    connection: Any = pool.get_connection()
    in_flight: deque[tuple[Sequence[str], Sequence[int]]] = deque()
    unknown: list[tuple[Sequence[str], Sequence[int]]] = []
    total = 0

    def receive() -> int:
        call = in_flight.popleft()
        try:
            return int(connection.read_response())
        except redis.exceptions.NoScriptError:  # Redis was restarted
            unknown.append(call)
            return 0

    try:
        for keys, args in calls:
            connection.send_command("EVALSHA", script.sha, len(keys), *keys, *args)
            in_flight.append((keys, args))
            if len(in_flight) > 1:
                total += receive()
        while in_flight:
            total += receive()
    except BaseException:
        connection.disconnect()  # answers may be under way that nobody waits for
        raise
    finally:
        pool.release(connection)
    return total + sum(int(script(keys=keys, args=args)) for keys, args in unknown)


@cache
def _script(name: str) -> Any:
    script: Script = _redis().register_script((_SCRIPTS / f"{name}.lua").read_text())
    return script
