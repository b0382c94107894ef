"""Scripts on many timelines: cut into chunks, packed once for the wire, and pipelined."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import redis

from common.observability import tracing
from common.redis import shards
from common.redis.client import redis_client
from feed.lists import authored, key, script

# Timelines a script touches at most: the server does nothing else meanwhile.
CHUNK = 1000


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
        self._client = redis_client(shard)
        self._connection: Any = self._client.connection_pool.get_connection()
        self._in_flight: deque[Call] = deque()
        self._unknown: list[Call] = []
        self._timelines = 0  # in flight
        self._total = 0
        self._is_finished = False

    def send(self, call: Call) -> None:
        self._connection.send_packed_command([_pack(call, "EVALSHA", script(call.script).sha)])
        self._in_flight.append(call)
        self._timelines += call.chunk.size
        while self._timelines > CHUNK and len(self._in_flight) > 1:
            self._receive()

    def finish(self) -> int:
        """What the calls returned, added up."""
        while self._in_flight:
            self._receive()
        for call in self._unknown:  # with the source: Redis may be restarted again at any moment
            self._connection.send_packed_command([_pack(call, "EVAL", script(call.script).source)])
            self._total += int(self._connection.read_response())
        self._is_finished = True
        return self._total

    def close(self) -> None:
        if not self._is_finished:  # answers may be under way that nobody waits for
            self._connection.disconnect()
        self._client.connection_pool.release(self._connection)

    def _receive(self) -> None:
        call = self._in_flight.popleft()
        self._timelines -= call.chunk.size
        try:
            self._total += int(self._connection.read_response())
        except redis.exceptions.NoScriptError:  # Redis was restarted
            self._unknown.append(call)


def _pack(call: Call, command: str, script: str) -> bytes:
    """The bytes on the wire: the command, the script, the number of keys, keys and arguments."""
    keys = len(call.keys) + call.chunk.size
    head = [command, script, str(keys), *call.keys]
    count = len(head) + call.chunk.size + len(call.args)
    return b"*%d\r\n%b%b%b" % (count, _bulk(head), call.chunk.keys, _bulk(map(str, call.args)))


def _bulk(parts: Iterable[str]) -> bytes:
    return "".join([f"${_size(part)}\r\n{part}\r\n" for part in parts]).encode()


def _size(part: str) -> int:
    """In bytes."""
    return len(part) if part.isascii() else len(part.encode())
