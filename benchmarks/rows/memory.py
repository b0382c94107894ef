import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import timelines
from benchmarks.harness import CheckFailed, Contest, Row, Sense
from benchmarks.stage import Stage
from common.ids import new_ids
from feed import lists, store

TIMELINES = 100
_BYTES_OF_AN_ID = 8


@contextmanager
def prepare(stage: Stage) -> Iterator[Contest]:
    user_ids = stage.crowd.follower_ids[:TIMELINES]
    author_id = stage.crowd.author_id

    def ours() -> float:
        """Built from the database's entries, then pushed upon until they are trimmed."""
        old = new_ids(timelines.SHOWN)[::-1]
        for user_id in user_ids:
            store.forget(user_id)
            marker = store.start_building(user_id)
            if marker is None:
                raise CheckFailed("Redis keeps no timeline")
            store.finish_building(user_id, marker, old, is_complete=False)
        new = new_ids(timelines.TOLERATED - timelines.SHOWN + 1)
        for entry in new:
            store.push(entry, author_id, user_ids)
        return statistics.mean(_measure(stage, user_id, new) for user_id in user_ids)

    yield Contest(ours=ours, limit=lambda: float(timelines.SHOWN * _BYTES_OF_AN_ID))
    stage.empty_redis()


def _measure(stage: Stage, user_id: int, new: list[int]) -> int:
    name = lists.key(user_id)
    if stage.redis.llen(name) != timelines.SHOWN:
        raise CheckFailed(f"a timeline of {stage.redis.llen(name)} and not of {timelines.SHOWN}")
    if stage.redis.lindex(name, 0) != str(new[-1]).encode():
        raise CheckFailed("the newest entry is not at the head")
    return stage.redis.memory_usage(name, samples=0) or 0


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
