import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.datasets import token, write_tweets
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.http_load import Connection, bearer, request
from benchmarks.testbed import Testbed
from tweets import selectors
from tweets.models import Like, Tweet

LIKES = 800  # in a round, each by another user
A_SECOND = 200
_CLIENTS = 16
# As in the row `post`.
_WORKERS = 2
_THREADS = 4


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    author, *users = testbed.social_graph.readers(LIKES + 1)
    headers = [bearer(token(user)) for user in users]
    with testbed.web(workers=_WORKERS, threads=_THREADS) as (address, process):

        def ours() -> float:
            [tweet] = write_tweets([author.id])
            path = f"/tweet/{tweet.id}/like"
            slowest = _slowest(address, [request("POST", path, headers=one) for one in headers])
            _check(tweet)
            return slowest * 1000

        yield Comparison(ours=ours, pid=process.pid)


def _slowest(address: str, likes: Sequence[bytes]) -> float:
    """Each like has a fixed start time. Its wait counts from that time, even if it starts late."""
    begun = time.perf_counter() + 0.1

    def send(first: int) -> float:
        connection = Connection(address)
        slowest = 0.0
        for number in range(first, len(likes), _CLIENTS):
            due = begun + number / A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.ask_for_json(likes[number])
            slowest = max(slowest, time.perf_counter() - due)
        connection.close()
        return slowest

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return max(pool.map(send, range(_CLIENTS)))


def _check(tweet: Tweet) -> None:
    """Compares the counter with the rows, as `reconcile_counters` does."""
    tweet.refresh_from_db()
    rows = Like.objects.filter(tweet=tweet).count()
    if selectors.counter_drift([tweet]) or rows != LIKES:
        raise CheckFailed(f"{LIKES} likes left {rows} rows and count {tweet.num_likes}")


ROW = Row(
    name="likes",
    quantity="a like, at 200 a second of one tweet, the slowest of 800",
    limit="",
    unit="ms",
    sense=Sense.WITHIN,
    gate=100,
    goal=50,
    prepare=prepare,
    rounds=5,
)
