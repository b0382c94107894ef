import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import timelines
from benchmarks.datasets import FOLLOWERS
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from common.ids import new_ids
from feed import lists, writes

TWEETS = 20  # in a round


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    author_id, follower_ids = testbed.popular_author.author_id, testbed.popular_author.follower_ids
    timelines.fill(testbed.redis, [lists.key(id) for id in follower_ids])

    def ours() -> float:
        entries = new_ids(TWEETS)
        begun = time.perf_counter()
        pushed = sum(writes.push(entry, author_id, follower_ids) for entry in entries)
        seconds = time.perf_counter() - begun
        again = writes.push(entries[-1], author_id, follower_ids)
        if (pushed, again) != (len(entries) * len(follower_ids), 0):
            raise CheckFailed(f"{pushed} deliveries, {again} of them by a redelivery")
        timelines.check(testbed.redis, dict.fromkeys(follower_ids, entries))
        return pushed / seconds

    yield Comparison(ours=ours, limit=lambda: timelines.lpush_limit(testbed.redis, FOLLOWERS))
    testbed.empty_redis()


ROW = Row(
    name="fanout",
    quantity="fan-out, 10,000 followers, redelivery-safe",
    limit="redis-benchmark -P 1000 -c 1 LPUSH",
    unit="deliveries/s",
    sense=Sense.SHARE,
    gate=0.50,
    goal=0.70,
    prepare=prepare,
    rounds=9,
)
