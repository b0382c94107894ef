import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from django.conf import settings

from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.http_load import Connection, request
from benchmarks.rows.search import elasticsearch_index
from benchmarks.testbed import Testbed
from common.ids import created_at
from messaging.events import TweetCreated, encode
from messaging.worker import Delivery
from search.handlers import BATCH, WORKER
from search.index import index
from tweets.models import Tweet


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    """The graph's tweets as messages, handled in batches, with an empty index."""
    users = {user.id for user in testbed.social_graph.users}
    tweets = Tweet.objects.tweets().filter(user_id__in=users).order_by("id")
    deliveries = [_delivery(tweet) for tweet in tweets]
    batches = [deliveries[n : n + BATCH] for n in range(0, len(deliveries), BATCH)]
    requests = _raw_requests(batches)
    elasticsearch = Connection(str(settings.ELASTICSEARCH_URL))

    def handle() -> None:
        for batch in batches:
            if WORKER.process(batch):
                raise CheckFailed("the handler dead-lettered messages")

    def send() -> None:
        for one in requests:
            elasticsearch.ask_for_json(one)

    def rate(work: Callable[[], None]) -> float:
        index().clear()
        WORKER.process(deliveries[:1])  # creates the index
        begun = time.perf_counter()
        work()
        seconds = time.perf_counter() - begun
        _check(len(deliveries))
        return len(deliveries) / seconds

    yield Comparison(ours=lambda: rate(handle), limit=lambda: rate(send))
    elasticsearch.close()
    index().clear()


def _delivery(tweet: Tweet) -> Delivery:
    event = TweetCreated(
        id=tweet.id,
        user_id=tweet.user_id or 0,
        content=tweet.content,
        parent_id=None,
        created_at=created_at(tweet.id),
    )
    return Delivery(
        tag=tweet.id,
        message_id=str(tweet.id),
        routing_key=event.routing_key,
        body=encode(event).encode(),
    )


def _raw_requests(batches: Sequence[Sequence[Delivery]]) -> list[bytes]:
    """The bulk requests that the handler sends, as bytes."""
    sent: list[bytes] = []
    transport = elasticsearch_index().background_client.transport
    perform = transport.perform_request

    def record(method: str, target: str, **options: Any) -> Any:
        if "_bulk" in target:
            lines = [
                line.encode() if isinstance(line, str) else orjson.dumps(line)
                for line in options["body"]
            ]
            sent.append(request(method, target, body=b"\n".join([*lines, b""])))
        return perform(method, target, **options)

    transport.perform_request = record  # type: ignore[method-assign]
    try:
        for batch in batches:
            WORKER.process(batch)
    finally:
        transport.perform_request = perform  # type: ignore[method-assign]
    if len(sent) != len(batches):
        raise CheckFailed(f"{len(sent)} bulk requests for {len(batches)} batches")
    return sent


def _check(count: int) -> None:
    client = elasticsearch_index().background_client
    client.indices.refresh(index="tweets")
    found = client.count(index="tweets")["count"]
    if found != count:
        raise CheckFailed(f"{found} documents of {count} tweets")


ROW = Row(
    name="indexing",
    quantity="tweets through the search worker's handler into the index",
    limit="the same bulk requests to Elasticsearch directly",
    unit="tweets/s",
    sense=Sense.SHARE,
    gate=None,
    goal=None,
    prepare=prepare,
    rounds=9,
)
