import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks import timelines
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from deploy.local.processes import Process
from feed import lists
from tweets import services

SMALL = 20  # tweets in a round on an idle system
_PAUSE_SECONDS = 0.1  # between two small ones
_POLL_SECONDS = 0.001
_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Fanout:
    """One feed worker with its relay and queues, without a limit above which authors are pulled. A
    million followers have short timelines; followers of the small authors have full ones.
    """

    testbed: Testbed
    worker: Process

    def post_to_all(self) -> int:
        return _post(self.testbed.million_followers.author_id)

    def has_reached_all(self, tweet_id: int) -> bool:
        """Checks the last follower: slices go in order of id."""
        million = self.testbed.million_followers
        return self._is_headed(million.before_id + million.size, tweet_id)

    def check_all(self, tweet_id: int) -> None:
        million = self.testbed.million_followers
        count = timelines.count_headed(
            self.testbed.redis, million.before_id, million.size, tweet_id
        )
        if count != million.size:
            raise CheckFailed(f"the tweet for {million.size} reached {count}")

    def iter_delays(self) -> Iterator[float]:
        """Milliseconds from posting a small author's tweet to its insertion into the last of ten
        timelines, one tweet after the other.
        """
        for author_id, followers in itertools.cycle(self.testbed.million_followers.small.items()):
            begun = time.perf_counter()
            tweet_id = _post(author_id)
            _wait_until(partial(self._is_headed, followers[-1], tweet_id))
            yield (time.perf_counter() - begun) * 1000
            time.sleep(_PAUSE_SECONDS)

    def _is_headed(self, user_id: int, entry_id: int) -> bool:
        head = self.testbed.redis.lindex(lists.key(user_id), 0)
        return head == str(entry_id).encode()


@contextmanager
def _prepare(testbed: Testbed) -> Iterator[Fanout]:
    million = testbed.million_followers
    timelines.begin(testbed.redis, million.before_id, million.size)
    for followers in million.small.values():
        timelines.fill(testbed.redis, [lists.key(id) for id in followers])
    unlimited = str(2 * million.size)
    with testbed.relay(), testbed.worker("feed", FEED_PULL_FOLLOWERS=unlimited) as worker:
        yield Fanout(testbed, worker)
    testbed.empty_redis()


@contextmanager
def prepare_small(testbed: Testbed) -> Iterator[Comparison]:
    with _prepare(testbed) as fanout:
        delays = fanout.iter_delays()

        def ours() -> float:
            large_id = fanout.post_to_all()
            begun = time.monotonic()
            small = []
            while not fanout.has_reached_all(large_id):
                small.append(next(delays))
                if time.monotonic() - begun > _DEADLINE_SECONDS:
                    raise CheckFailed(f"the large tweet takes more than {_DEADLINE_SECONDS:.0f} s")
            fanout.check_all(large_id)
            if len(small) < SMALL:
                raise CheckFailed(f"only {len(small)} small tweets during the large one")
            return statistics.median(small)

        def limit() -> float:
            return statistics.median(itertools.islice(delays, SMALL))

        yield Comparison(ours=ours, limit=limit, pid=fanout.worker.pid)


@contextmanager
def prepare_large(testbed: Testbed) -> Iterator[Comparison]:
    with _prepare(testbed) as fanout:

        def ours() -> float:
            begun = time.perf_counter()
            large_id = fanout.post_to_all()
            _wait_until(lambda: fanout.has_reached_all(large_id))
            seconds = time.perf_counter() - begun
            fanout.check_all(large_id)
            return seconds

        yield Comparison(ours=ours, pid=fanout.worker.pid)


def _post(author_id: int) -> int:
    return services.post_tweet(user_id=author_id, content="The first snow.").id


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailed(f"a tweet did not arrive within {_DEADLINE_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)


ROWS = [
    Row(
        name="slices",
        quantity="small authors' tweets → timelines, p50, during one for 1,000,000",
        limit="the same on an idle system",
        unit="ms",
        sense=Sense.SIZE,
        gate=None,
        goal=None,
        prepare=prepare_small,
        rounds=3,
        warm_up=False,
    ),
    Row(
        name="million",
        quantity="a tweet → the last of 1,000,000 timelines, one worker",
        limit="",
        unit="s",
        sense=Sense.WITHIN,
        gate=None,
        goal=None,
        prepare=prepare_large,
        rounds=3,
        warm_up=False,
    ),
]
