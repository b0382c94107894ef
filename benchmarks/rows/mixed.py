import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import amqp, timelines
from benchmarks.harness import Contest, Row, Sense
from benchmarks.rows.worker import check_settled, message, wait_for
from benchmarks.stage import Stage
from benchmarks.world import CROWD, write_tweets
from feed import lists
from messaging.broker import EXCHANGE
from tweets.models import Tweet


@contextmanager
def prepare(stage: Stage) -> Iterator[Contest]:
    """A tweet of each author: most have few followers, whose messages cost as much as a large's."""
    followers = stage.fame.follower_ids
    deliveries = sum(map(len, followers.values()))
    timelines.fill(stage.redis, [lists.key(id) for id in stage.crowd.follower_ids])
    with stage.worker("feed") as worker:

        def ours() -> float:
            tweets = write_tweets(followers)
            with worker.paused():
                amqp.publish(EXCHANGE, "tweet.created", [message(tweet) for tweet in tweets])
                begun = time.perf_counter()
            last = next(tweet for tweet in reversed(tweets) if followers[tweet.user_id])
            wait_for(stage, last.id, followers[last.user_id][-1])
            seconds = time.perf_counter() - begun
            check_all(stage, tweets)
            return deliveries / seconds

        yield Contest(
            ours=ours,
            limit=lambda: timelines.lpush_limit(stage.redis, CROWD),
            check=check_settled,
            pid=worker.pid,
        )
    stage.empty_redis()


def check_all(stage: Stage, tweets: list[Tweet]) -> None:
    """Each follower has the tweets of all whom it follows."""
    newest: dict[int, list[int]] = {}
    for tweet in tweets:
        for user_id in stage.fame.follower_ids[tweet.user_id]:
            newest.setdefault(user_id, []).append(tweet.id)
    timelines.check(stage.redis, newest)


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
