from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from accounts.models import Follow
from benchmarks.datasets import newest_entries
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from feed import keys, pulling, timeline

# How many pulled authors the reader follows.
PULLED = (1, 10, 50, 200)
_PAGE = 20
_PAGES = 5  # read by cursor from the top of the feed
_WALKS = 40  # in a round


@contextmanager
def prepare(testbed: Testbed, *, pulled: int) -> Iterator[Comparison]:
    """The time of Redis's thread for a page. The cache is warm, so only the script runs."""
    user_id = testbed.heavy_reader.user_id
    follows = Follow.objects.filter(follower_id=user_id)
    author_ids = list(follows.values_list("following_id", flat=True))
    expected = newest_entries(user_id, _PAGE * _PAGES)

    def measure(author_ids: Sequence[int]) -> float:
        testbed.redis.delete(keys.PULLED, keys.pulls(user_id))
        for author_id in author_ids:
            pulling.start("default", author_id, "")
        if _walk(user_id) != expected:
            raise CheckFailed("the feed differs from the database")
        before = _script_time(testbed)
        for _ in range(_WALKS):
            _walk(user_id)
        calls, microseconds = (
            after - begun for after, begun in zip(_script_time(testbed), before, strict=True)
        )
        if calls != _WALKS * _PAGES:
            raise CheckFailed(f"{calls} scripts for {_WALKS * _PAGES} pages")
        return microseconds / calls

    yield Comparison(ours=lambda: measure(author_ids[:pulled]), limit=lambda: measure([]))
    testbed.empty_redis()


def _walk(user_id: int) -> list[int]:
    entries: list[int | str] = []
    skeleton = timeline.skeleton_at(user_id, 0, _PAGE)
    while True:
        entries += skeleton.entries
        timeline.hydrate(skeleton, user_id)  # fills the cache
        if len(entries) == _PAGE * _PAGES:
            return [int(entry) for entry in entries]
        assert skeleton.cursor is not None
        skeleton = timeline.skeleton_below(user_id, skeleton.cursor, _PAGE)


def _script_time(testbed: Testbed) -> tuple[int, int]:
    """The number of scripts that Redis ran, and their microseconds."""
    found = testbed.redis.info("commandstats")["cmdstat_evalsha"]
    return found["calls"], found["usec"]


ROWS = [
    Row(
        name=f"pull_{pulled}",
        quantity=f"Redis's time for a page of 20 with {pulled} pulled authors",
        limit="the same page with no pulled author",
        unit="µs",
        sense=Sense.SIZE,
        gate=None,
        goal=None,
        prepare=partial(prepare, pulled=pulled),
    )
    for pulled in PULLED
]
