import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import amqp, timelines
from benchmarks.datasets import FOLLOWERS, write_tweets
from benchmarks.harness import Comparison, Row, Sense
from benchmarks.rows.worker import check_queue_is_empty, message, wait_for
from benchmarks.testbed import Testbed
from feed import lists
from messaging.broker import EXCHANGE
from tweets.models import Tweet


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    """One tweet per author. Most authors have few followers, but a message costs the same."""
    followers = testbed.ranked_authors.follower_ids
    deliveries = sum(map(len, followers.values()))
    timelines.fill(testbed.redis, [lists.key(id) for id in testbed.popular_author.follower_ids])
    with testbed.worker("feed") as worker:

        def ours() -> float:
            tweets = write_tweets(followers)
            with worker.paused():
                amqp.publish(EXCHANGE, "tweet.created", [message(tweet) for tweet in tweets])
                begun = time.perf_counter()
            last = next(tweet for tweet in reversed(tweets) if followers[tweet.user_id])
            wait_for(testbed, last.id, followers[last.user_id][-1])
            seconds = time.perf_counter() - begun
            check_all(testbed, tweets)
            return deliveries / seconds

        yield Comparison(
            ours=ours,
            limit=lambda: timelines.lpush_limit(testbed.redis, FOLLOWERS),
            check=check_queue_is_empty,
            pid=worker.pid,
        )
    testbed.empty_redis()


def check_all(testbed: Testbed, tweets: list[Tweet]) -> None:
    """Each follower has the tweets of all followed authors."""
    newest: dict[int, list[int]] = {}
    for tweet in tweets:
        for user_id in testbed.ranked_authors.follower_ids[tweet.user_id]:
            newest.setdefault(user_id, []).append(tweet.id)
    timelines.check(testbed.redis, newest)


ROW = Row(
    name="mixed",
    quantity="whole worker, 100 authors with 10,000 to no followers by a power law",
    limit="redis-benchmark -P 1000 -c 1 LPUSH",
    unit="deliveries/s",
    sense=Sense.SHARE,
    gate=None,
    goal=None,
    prepare=prepare,
    rounds=9,
)
