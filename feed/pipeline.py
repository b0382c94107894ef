"""Runs a script on many timelines: in chunks, pipelined to all shards at once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from common.observability import tracing
from common.redis import shards
from common.redis.pipelines import PackedCall, ScriptPipeline, pack, pack_value
from feed import keys
from feed.lua import script

# The most timelines that one call may change, because Redis does nothing else meanwhile.
CHUNK = 1000


class Audience:
    """The timelines that entries go to. Their keys are packed for Redis once, for all entries."""

    def __init__(self, user_ids: Sequence[int], *, author_id: int | None = None) -> None:
        """The users' timelines, after the author's own lists if there is an author."""
        self._parts = [
            _Part(shard, ids, author_id) for shard, ids in shards.group(user_ids).items()
        ]

    def chunks(self, size: int) -> Iterator["Chunk"]:
        """Chunks of the shards in turn. The same audience always has the same chunks."""
        if len(self._parts) == 1:
            return self._parts[0].chunks(size)
        turns = zip_longest(*(part.chunks(size) for part in self._parts))
        return (chunk for turn in turns for chunk in turn if chunk)


class _Part:
    """The part of an audience whose timelines are on one shard."""

    def __init__(self, shard: str, user_ids: Sequence[int], author_id: int | None) -> None:
        self._shard = shard
        self._ids = list(user_ids)
        names = map(keys.timeline, user_ids)
        self._keys = [f"${len(name)}\r\n{name}\r\n" for name in names]  # `pack_value`, inlined
        if author_id is not None:
            own = [keys.authored(author_id)]
            if shard == shards.of(author_id):
                own.append(keys.timeline(author_id))
            self._keys = [*map(pack_value, own), *self._keys]
            self._ids = [author_id] * len(own) + self._ids

    def chunks(self, size: int) -> Iterator["Chunk"]:
        for start in range(0, len(self._ids), size):
            packed = self._keys[start : start + size]
            yield Chunk(self._shard, self._ids[start], len(packed), "".join(packed).encode())


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
    keys: Sequence[str]  # before the timelines' keys
    chunk: Chunk
    args: Sequence[int]

    def pack(self) -> PackedCall:
        num_keys = len(self.keys) + self.chunk.size
        operands = b"%b%b%b" % (pack(self.keys), self.chunk.keys, pack(map(str, self.args)))
        return PackedCall(script(self.script), num_keys, num_keys + len(self.args), operands)


def run(calls: Iterable[Call]) -> int:
    """Runs the calls in order and returns the sum of their results.

    Each shard has two full chunks in flight, or small ones with as many timelines: Python finds and
    packs the next chunks while Redis works.
    """
    waiting = iter(calls)
    first = next(waiting, None)
    if first is None:
        return 0
    with tracing.span(f"redis {first.script}", "client"):
        return _run(chain([first], waiting))


def _run(calls: Iterable[Call]) -> int:
    pipelines: dict[str, _ShardPipeline] = {}
    try:
        for call in calls:
            shard = call.chunk.shard
            if shard not in pipelines:
                pipelines[shard] = _ShardPipeline(shard)
            pipelines[shard].send(call)
        return sum(pipeline.finish() for pipeline in pipelines.values())
    finally:
        for pipeline in pipelines.values():
            pipeline.close()


class _ShardPipeline:
    """The calls to one shard; adds up what they return."""

    def __init__(self, shard: str) -> None:
        self._calls = ScriptPipeline(shard)
        self._sizes: deque[int] = deque()  # timelines of each call in flight
        self._timelines = 0  # in flight
        self._total = 0

    def send(self, call: Call) -> None:
        self._calls.send(call.pack())
        self._sizes.append(call.chunk.size)
        self._timelines += call.chunk.size
        while self._timelines > CHUNK and len(self._sizes) > 1:
            self._timelines -= self._sizes.popleft()
            self._total += int(self._calls.receive() or 0)

    def finish(self) -> int:
        return self._total + sum(map(int, self._calls.finish()))

    def close(self) -> None:
        self._calls.close()
