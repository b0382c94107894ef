import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import amqp, timelines
from benchmarks.datasets import FOLLOWERS, write_tweets
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.rows.fanout import TWEETS
from benchmarks.testbed import Testbed
from feed import lists
from feed.handlers import WORKER
from messaging.broker import EXCHANGE, broker
from messaging.events import TweetCreated, encode
from tweets.models import Tweet

_DEADLINE_SECONDS = 60.0


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    follower_ids = testbed.popular_author.follower_ids
    timelines.fill(testbed.redis, [lists.key(id) for id in follower_ids])
    with testbed.worker("feed") as worker:

        def ours() -> float:
            tweets = write_tweets([testbed.popular_author.author_id] * TWEETS)
            with worker.paused():
                amqp.publish(EXCHANGE, "tweet.created", [message(tweet) for tweet in tweets])
                begun = time.perf_counter()
            wait_for(testbed, tweets[-1].id, follower_ids[-1])
            seconds = time.perf_counter() - begun
            entries = [tweet.id for tweet in tweets]
            timelines.check(testbed.redis, dict.fromkeys(follower_ids, entries))
            return len(tweets) * len(follower_ids) / seconds

        yield Comparison(
            ours=ours,
            limit=lambda: timelines.lpush_limit(testbed.redis, FOLLOWERS),
            check=check_queue_is_empty,
            pid=worker.pid,
        )
    testbed.empty_redis()


def message(tweet: Tweet) -> amqp.Message:
    event = TweetCreated(
        id=tweet.id,
        user_id=tweet.user_id,
        content=tweet.content,
        parent_id=None,
        created_at=tweet.created_at,
    )
    return amqp.properties(str(tweet.id), event.routing_key), encode(event).encode()


def wait_for(testbed: Testbed, entry_id: int, user_id: int) -> None:
    """Waits until the entry is at the head of this timeline, which receives it last."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while testbed.redis.lindex(lists.key(user_id), 0) != str(entry_id).encode():
        if time.monotonic() > deadline:
            raise CheckFailed(f"the worker did not finish within {_DEADLINE_SECONDS:.0f} s")
        time.sleep(0.002)


def check_queue_is_empty() -> None:
    if depth := broker().depth(WORKER.queue):
        raise CheckFailed(f"{depth} messages are left in the queue")


ROW = Row(
    name="worker",
    quantity="whole worker: broker → follower ids → Redis",
    limit="redis-benchmark -P 1000 -c 1 LPUSH",
    unit="deliveries/s",
    sense=Sense.SHARE,
    gate=0.30,
    goal=0.50,
    prepare=prepare,
    rounds=9,
)
