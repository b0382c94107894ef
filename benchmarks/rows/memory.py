import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import timelines
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from common.ids import new_ids
from feed import lists, writes

TIMELINES = 100
_BYTES_OF_AN_ID = 8


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    user_ids = testbed.popular_author.follower_ids[:TIMELINES]
    author_id = testbed.popular_author.author_id

    def ours() -> float:
        """Builds the timelines, then pushes entries until they are trimmed."""
        old = new_ids(timelines.SHOWN)[::-1]
        for user_id in user_ids:
            writes.forget(user_id)
            marker = writes.start_building(user_id)
            if marker is None:
                raise CheckFailed("Redis refused to build a timeline")
            writes.finish_building(user_id, marker, old, is_complete=False)
        new = new_ids(timelines.TOLERATED - timelines.SHOWN + 1)
        for entry in new:
            writes.push(entry, author_id, user_ids)
        return statistics.mean(_measure(testbed, user_id, new) for user_id in user_ids)

    yield Comparison(ours=ours, limit=lambda: float(timelines.SHOWN * _BYTES_OF_AN_ID))
    testbed.empty_redis()


def _measure(testbed: Testbed, user_id: int, new: list[int]) -> int:
    name = lists.key(user_id)
    if testbed.redis.llen(name) != timelines.SHOWN:
        raise CheckFailed(
            f"a timeline has {testbed.redis.llen(name)} entries instead of {timelines.SHOWN}"
        )
    if testbed.redis.lindex(name, 0) != str(new[-1]).encode():
        raise CheckFailed("the newest entry is not at the head")
    return testbed.redis.memory_usage(name, samples=0) or 0


ROW = Row(
    name="memory",
    quantity="memory of a timeline of 800",
    limit="8 bytes an id",
    unit="bytes",
    sense=Sense.SIZE,
    gate=1.45,
    goal=1.31,
    prepare=prepare,
    rounds=5,
    warm_up=False,
)
