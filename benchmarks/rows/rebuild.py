import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.datasets import HeavyReader, newest_entries
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from feed import reads, timeline

FOLLOWED = 1000
TWEETS = 20_000
_PAGE = 20
_READS = 5  # in a round


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    """Without a timeline and with an empty cache."""
    user_id = HeavyReader.make("heavy", followed=FOLLOWED, tweets=TWEETS).user_id
    expected = newest_entries(user_id, _PAGE)

    def ours() -> float:
        slowest = 0.0
        for _ in range(_READS):
            testbed.empty_redis()
            begun = time.perf_counter()
            page = timeline.read_by_offset(user_id, offset=0, limit=_PAGE)
            slowest = max(slowest, time.perf_counter() - begun)
            kept = reads.peek(user_id)
            if page.count != _PAGE or not kept or kept.entries[:_PAGE] != expected:
                raise CheckFailed("the timeline does not start with the newest tweets")
        return slowest * 1000

    yield Comparison(ours=ours)
    testbed.empty_redis()


ROW = Row(
    name="rebuild",
    quantity="first feed page of a reader of 1,000 authors, slowest of five",
    limit="",
    unit="ms",
    sense=Sense.WITHIN,
    gate=100,
    goal=50,
    prepare=prepare,
)
