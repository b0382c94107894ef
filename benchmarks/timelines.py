"""Timelines in Redis: filled fast, and checked after a fan-out."""

import subprocess
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

import redis
from django.conf import settings

from benchmarks.harness import CheckFailed
from common.batches import batched
from common.ids import RANDOM_BITS
from feed.lists import key

SHOWN = settings.FEED_SHOWN
TOLERATED = SHOWN + 64
_A_YEAR_AGO = (200_000_000_000 << RANDOM_BITS) - 1  # older than all entries that the rows push
_PUSHES = 400_000


def limit_key(number: int) -> str:
    """As redis-benchmark expands `feed:__rand_int__`."""
    return f"feed:{number:012}"


def fill(client: redis.Redis, keys: Sequence[str]) -> None:
    """Lists of 800 to 864 entries, as trimming leaves them."""
    lengths = range(SHOWN, TOLERATED + 1)
    for length in lengths:
        entries = [_A_YEAR_AGO - number * (1 << RANDOM_BITS) for number in range(length)]
        client.delete(f"full:{length}")
        client.rpush(f"full:{length}", *entries)
    for names in batched(keys, 1000):
        pipeline = client.pipeline(transaction=False)
        for number, name in enumerate(names):
            pipeline.copy(f"full:{lengths[number % len(lengths)]}", name, replace=True)
        pipeline.execute()


_RANGE = 10_000  # ids per script
_DIGITS = 7  # the last digits of an id, which Lua counts; its numbers cannot hold a whole id
_BEGIN_RANGE = """
for n = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  redis.call('RPUSH', 'feed:' .. ARGV[1] .. string.format('%07d', n), ARGV[4], '0')
end
"""
_COUNT_RANGE = """
local count = 0
for n = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local head = redis.call('LINDEX', 'feed:' .. ARGV[1] .. string.format('%07d', n), 0)
  if head == ARGV[4] then count = count + 1 end
end
return count
"""


def begin(client: redis.Redis, before_id: int, count: int) -> None:
    """Creates lists of one old entry for the `count` users after `before_id`."""
    _for_ranges(client, _BEGIN_RANGE, before_id, count, _A_YEAR_AGO)


def count_headed(client: redis.Redis, before_id: int, count: int, entry_id: int) -> int:
    """How many of these users have the entry at the head of their timeline."""
    return sum(_for_ranges(client, _COUNT_RANGE, before_id, count, entry_id))


def _for_ranges(
    client: redis.Redis, source: str, before_id: int, count: int, entry_id: int
) -> list[int]:
    script = client.register_script(source)
    prefix = str(before_id)[:-_DIGITS]
    return [
        script(args=[prefix, first, min(first + _RANGE - 1, count), entry_id]) or 0
        for first in range(1, count + 1, _RANGE)
    ]


def check(client: redis.Redis, newest: Mapping[int, Collection[int]]) -> None:
    """Checks that each timeline starts with these entries, once each, and is trimmed."""
    for part in batched(newest.items(), 1000):
        pipeline = client.pipeline(transaction=False)
        for user_id, entries in part:
            pipeline.lrange(key(user_id), 0, len(entries))
            pipeline.llen(key(user_id))
        answers = pipeline.execute()
        for (_, entries), head, length in zip(part, answers[::2], answers[1::2], strict=True):
            expected = {str(id).encode() for id in entries}
            if set(head[:-1]) != expected or head[-1] in expected:
                raise CheckFailed("a timeline does not start with the new entries, once each")
            if not SHOWN <= length <= TOLERATED:
                raise CheckFailed(f"a timeline has {length} entries")


def lpush_limit(client: redis.Redis, keys: int) -> float:
    """LPUSHes per second by redis-benchmark, to as many lists, which start empty.

    This is an upper bound: short lists are up to twice as fast as full ones.
    """
    names = [limit_key(number) for number in range(keys)]
    client.unlink(*names)
    url = urlsplit(str(settings.REDIS_URL))
    command = [
        "redis-benchmark", "-h", str(url.hostname), "-p", str(url.port),
        "--dbnum", url.path[1:] or "0", "-P", "1000", "-c", "1", "-n", str(_PUSHES),
        "-r", str(keys), "--csv", "LPUSH", "feed:__rand_int__", str(_A_YEAR_AGO),
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.llen(name)
    if sum(pipeline.execute()) != _PUSHES:
        raise CheckFailed("redis-benchmark did not push all entries")
    return float(answer.stdout.splitlines()[-1].split(",")[1].strip('"'))
