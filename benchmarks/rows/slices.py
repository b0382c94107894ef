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

SMALL = 20  # tweets in a round with nothing else under way
_PAUSE_SECONDS = 0.1  # between two small ones
_POLL_SECONDS = 0.001
_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Play:
    """A million followers with short timelines, small authors with full ones, and one feed worker
    with its relay and its queues, whose limit of followers is lifted.
    """

    testbed: Testbed
    worker: Process

    def post_to_all(self) -> int:
        return _post(self.testbed.million_followers.author_id)

    def has_reached_all(self, tweet_id: int) -> bool:
        """By the last of them, since slices go in order of id."""
        crowd = self.testbed.million_followers
        return self._is_headed(crowd.before_id + crowd.size, tweet_id)

    def check_all(self, tweet_id: int) -> None:
        crowd = self.testbed.million_followers
        count = timelines.count_headed(self.testbed.redis, crowd.before_id, crowd.size, tweet_id)
        if count != crowd.size:
            raise CheckFailed(f"the tweet for {crowd.size} reached {count}")

    def iter_delays(self) -> Iterator[float]:
        """Of small tweets, one after the other: milliseconds from before one is written until it is
        in the last of its ten timelines.
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
def _play(testbed: Testbed) -> Iterator[Play]:
    crowd = testbed.million_followers
    timelines.begin(testbed.redis, crowd.before_id, crowd.size)
    for followers in crowd.small.values():
        timelines.fill(testbed.redis, [lists.key(id) for id in followers])
    unlimited = str(2 * crowd.size)
    with testbed.relay(), testbed.worker("feed", FEED_PULL_FOLLOWERS=unlimited) as worker:
        yield Play(testbed, worker)
    testbed.empty_redis()


@contextmanager
def prepare_small(testbed: Testbed) -> Iterator[Comparison]:
    with _play(testbed) as play:
        delays = play.iter_delays()

        def ours() -> float:
            big_id = play.post_to_all()
            begun = time.monotonic()
            meanwhile = []
            while not play.has_reached_all(big_id):
                meanwhile.append(next(delays))
                if time.monotonic() - begun > _DEADLINE_SECONDS:
                    raise CheckFailed(f"the big tweet takes more than {_DEADLINE_SECONDS:.0f} s")
            play.check_all(big_id)
            if len(meanwhile) < SMALL:
                raise CheckFailed(f"only {len(meanwhile)} small tweets meanwhile")
            return statistics.median(meanwhile)

        def limit() -> float:
            return statistics.median(itertools.islice(delays, SMALL))

        yield Comparison(ours=ours, limit=limit, pid=play.worker.pid)


@contextmanager
def prepare_big(testbed: Testbed) -> Iterator[Comparison]:
    with _play(testbed) as play:

        def ours() -> float:
            begun = time.perf_counter()
            big_id = play.post_to_all()
            _wait_until(lambda: play.has_reached_all(big_id))
            seconds = time.perf_counter() - begun
            play.check_all(big_id)
            return seconds

        yield Comparison(ours=ours, pid=play.worker.pid)


def _post(author_id: int) -> int:
    return services.post_tweet(user_id=author_id, content="The first snow.").id


def _wait_until(is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not is_there():
        if time.monotonic() > deadline:
            raise CheckFailed(f"a tweet was under way for {_DEADLINE_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)


ROWS = [
    Row(
        name="slices",
        quantity="small authors' tweets → timelines, p50, beside one for 1,000,000 followers",
        limit="the same with nothing else under way",
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
        prepare=prepare_big,
        rounds=3,
        warm_up=False,
    ),
]
