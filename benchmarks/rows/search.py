import json
import re
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings

from benchmarks.datasets import token
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.http_load import Connection, bearer, request
from benchmarks.testbed import Testbed
from common.backoff import waits
from common.errors import Unavailable
from common.ids import created_at
from messaging.events import TweetCreated
from search.backends.elasticsearch import ElasticsearchIndex
from search.handlers import BATCH, add
from search.index import Position, index, this_hour
from search.query import parse
from tweets.models import Tweet

LIMIT = 20
# Frequent words, rare words and phrases.
QUERIES = [
    "the", "love", "happy", "great day", "new", "\"thank you\"", "coffee", "music", "sleep",
    "work tomorrow", "so", "weekend", "friends", "school", "good morning", "phone", "rain", "game",
    "i can't", "birthday",
]  # fmt: skip


@dataclass(frozen=True)
class RequestPair:
    ours: bytes
    raw: bytes


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    reader = testbed.social_graph.readers(1)[0]
    fill_index()
    headers = bearer(token(reader))
    queries = [text for text in QUERIES if _has_hits(text, testbed.social_graph.contents)]
    with testbed.web() as (address, process):
        web, elasticsearch = Connection(address), Connection(str(settings.ELASTICSEARCH_URL))
        pairs = [
            RequestPair(
                ours=request("GET", f"/search?q={quote(text)}&limit={LIMIT}", headers=headers),
                raw=_raw_request(text),
            )
            for text in queries
        ]
        _check(web, elasticsearch, dict(zip(queries, pairs, strict=True)))

        yield Comparison(
            ours=lambda: _median_ms(web, [pair.ours for pair in pairs]),
            limit=lambda: _median_ms(elasticsearch, [pair.raw for pair in pairs]),
            pid=process.pid,
        )
        web.close()
        elasticsearch.close()
    index().clear()


def fill_index() -> None:
    """Indexes all tweets with the worker's handler, in its batches."""
    index().clear()
    events = [
        TweetCreated(
            id=row.id,
            user_id=row.user_id,
            content=row.content,
            parent_id=None,
            created_at=created_at(row.id),
        )
        for row in Tweet.objects.tweets().order_by("id")
    ]
    for start in range(0, len(events), BATCH):
        for pause in waits():  # a cold Elasticsearch may not answer in time
            try:
                add(events[start : start + BATCH])
                break
            except Unavailable:
                time.sleep(pause)
    elasticsearch_index().client.indices.refresh(index="tweets")


def _has_hits(text: str, contents: Sequence[str]) -> bool:
    """Whether a tweet contains the words unstemmed. Generated tweets lack some of them."""
    words = text.strip('"').split()
    if '"' in text:
        return any(" ".join(words) in " ".join(_words(content)) for content in contents)
    return any(set(words) <= set(_words(content)) for content in contents)


def _words(content: str) -> list[str]:
    return re.findall(r"[\w']+", content.lower())


def elasticsearch_index() -> ElasticsearchIndex:
    made = index()
    assert isinstance(made, ElasticsearchIndex)
    return made


def _raw_request(text: str) -> bytes:
    """The request that our search sends to Elasticsearch."""
    sent: list[tuple[str, str, Any]] = []
    transport = elasticsearch_index().client.transport
    perform = transport.perform_request

    def record(method: str, target: str, **options: Any) -> Any:
        sent.append((method, target, options["body"]))
        return perform(method, target, **options)

    transport.perform_request = record  # type: ignore[method-assign]
    try:
        elasticsearch_index().search(parse(text), position=Position(hour=this_hour()), limit=LIMIT)
    finally:
        transport.perform_request = perform  # type: ignore[method-assign]
    if len(sent) != 1:
        raise CheckFailed(f"a search sends {len(sent)} requests to Elasticsearch")
    method, target, body = sent[0]
    return request(method, target, body=json.dumps(body).encode())


def _check(web: Connection, elasticsearch: Connection, pairs: Mapping[str, RequestPair]) -> None:
    """Checks that both find the same tweets in the same order."""
    for text, pair in pairs.items():
        answer = web.ask_for_json(pair.ours)
        hits = elasticsearch.ask_for_json(pair.raw).get("hits", {}).get("hits", [])
        found = [tweet["id"] for tweet in answer["results"]]
        if not found or found != [hit["_id"] for hit in hits[:LIMIT]]:
            raise CheckFailed(f"the results for {text!r} differ from Elasticsearch's")


def _median_ms(connection: Connection, requests: Sequence[bytes]) -> float:
    times = []
    for one in requests:
        begun = time.perf_counter()
        answer = connection.ask(one)
        times.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise CheckFailed(f"a search was answered with {answer.status}")
    return statistics.median(times) * 1000


ROW = Row(
    name="search",
    quantity="search, p50",
    limit="the same request to Elasticsearch directly",
    unit="ms",
    sense=Sense.ADDED,
    gate=5,
    goal=3,
    prepare=prepare,
    rounds=15,
)
