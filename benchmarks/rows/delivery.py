import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from accounts.models import Follow
from benchmarks.datasets import token
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.http_load import Connection, bearer, request
from benchmarks.testbed import Testbed

TWEETS = 10  # in a round
_POLL_SECONDS = 0.001
_DEADLINE_SECONDS = 15.0


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    """All processes, otherwise idle."""
    author = testbed.social_graph.readers(1)[0]
    follower = Follow.objects.filter(following=author).earliest("id").follower
    with ExitStack() as stack:
        address, _ = stack.enter_context(testbed.web(testbed.network))
        stack.enter_context(testbed.relay())
        stack.enter_context(testbed.worker("feed"))
        connection = Connection(address)
        stack.callback(connection.close)
        feed = request("GET", "/feed?limit=1", headers=bearer(token(follower)))
        post = poster(connection, token(author))

        def shows(tweet_id: str) -> bool:
            tweets = connection.ask_for_json(feed)["tweets"]
            return any(tweet["id"] == tweet_id for tweet in tweets)

        connection.ask_for_json(feed)  # builds the timeline
        yield Comparison(
            ours=lambda: statistics.median(
                milliseconds_until(shows, lambda: post("The first snow.")) for _ in range(TWEETS)
            )
        )
    testbed.empty_redis()


def poster(connection: Connection, token: str) -> Callable[[str], str]:
    """A function that posts a tweet and returns its id."""

    def post(content: str) -> str:
        body = json.dumps({"content": content}).encode()
        answer = connection.ask_for_json(
            request("POST", "/tweet", headers=bearer(token), body=body)
        )
        return str(answer["tweet"]["id"])

    return post


def milliseconds_until(shows: Callable[[str], bool], post: Callable[[], str]) -> float:
    """From the POST to the first answer with the tweet. A random pause comes first."""
    time.sleep(random.uniform(0.05, 0.25))
    begun = time.perf_counter()
    tweet_id = post()
    while not shows(tweet_id):
        if time.perf_counter() - begun > _DEADLINE_SECONDS:
            raise CheckFailed(f"the tweet was not shown within {_DEADLINE_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
    return (time.perf_counter() - begun) * 1000


ROW = Row(
    name="delivery",
    quantity="tweet → in a follower's GET /feed, idle, p50",
    limit="",
    unit="ms",
    sense=Sense.WITHIN,
    gate=150,
    goal=50,
    prepare=prepare,
    rounds=5,
)
