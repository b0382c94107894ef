"""While a part is down, requests that need it answer 503 in time, and all others work.

Tests each cell of the table in docs/operations/outages.md.
"""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import close_old_connections, connections
from elasticsearch.dsl import connections as elasticsearch_connections
from rest_framework.test import APIClient

from accounts.models import User
from common import breakers
from common.errors import OUTAGES, Unavailable
from common.http import revocation
from common.postgresql import deadlines
from common.postgresql.base import breaker
from common.redis import connection
from grpc_services.clients import calls
from messaging.broker import broker
from messaging.models import OutboxEvent
from messaging.relay import relay_batch
from search import index as search_index
from search.backends import elasticsearch
from tests.support.channels import network, reset_channels
from tests.support.factories import PASSWORD, FollowFactory, TweetFactory
from twitter_project import probes

DEADLINE_SECONDS = 0.3

# The requests that answer 503 while the part is down. All others work.
TABLE: dict[str, set[str]] = {
    "redis": {"feed", "unbuilt feed"},
    "rabbitmq": set(),
    "elasticsearch": {"search"},
    "accounts": {"unbuilt feed"},
    "tweets": {"unbuilt feed"},
}


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port that refuses connections."""
    return 1


@pytest.fixture
def point(settings: Any) -> Iterator[Callable[[str, int], None]]:
    """Points the clients of a part to another port."""
    undo = ExitStack()
    undo.callback(_forget)

    def point(part: str, port: int) -> None:
        if part in ("accounts", "tweets"):
            settings.GRPC_CHANNELS = settings.GRPC_CHANNELS | {part: network(port)}
            settings.GRPC_DEADLINE_SECONDS = DEADLINE_SECONDS
        elif part == "redis":
            options = {
                "SOCKET_CONNECT_TIMEOUT": DEADLINE_SECONDS,
                "SOCKET_TIMEOUT": DEADLINE_SECONDS,
                "CONNECTION_POOL_KWARGS": {"connection_class": connection.Connection},
                "IGNORE_EXCEPTIONS": True,
            }
            default = settings.CACHES["default"]
            away = {"LOCATION": f"redis://127.0.0.1:{port}/0", "OPTIONS": options}
            settings.CACHES = {"default": default | away}
        elif part == "rabbitmq":
            backend = "messaging.backends.rabbitmq.broker.RabbitMQBroker"
            settings.BROKER = {"BACKEND": backend, "url": f"amqp://127.0.0.1:{port}/"}
        elif part == "elasticsearch":
            elasticsearch_connections.create_connection(
                "away",
                hosts=f"http://127.0.0.1:{port}",
                request_timeout=DEADLINE_SECONDS,
                max_retries=0,
            )
            backend = "search.backends.elasticsearch.ElasticsearchIndex"
            settings.SEARCH_INDEX = {"BACKEND": backend, "connection": "away"}
        _forget()

    yield point
    undo.close()


def _forget() -> None:
    """Resets the clients of all parts, as in a new process."""
    reset_channels()
    calls.breaker.cache_clear()
    broker.cache_clear()
    search_index.index.cache_clear()
    connection.breaker.cache_clear()
    elasticsearch.BREAKER.reset()
    revocation.revocations.forget()
    probes.forget()
    breaker.cache_clear()


@pytest.fixture
def port(request: pytest.FixtureRequest, silent_port: int, closed_port: int) -> int:
    return {"down": closed_port, "hangs": silent_port}[request.param]


@pytest.fixture
def point_databases(transactional_db: None) -> Iterator[Callable[[int], None]]:
    """Points this thread's database connections to another port."""
    databases = [connection.settings_dict for connection in connections.all()]
    ports = [database["PORT"] for database in databases]

    def move(ports: Iterable[object]) -> None:
        connections.close_all()
        for database, port in zip(databases, ports, strict=True):
            database["PORT"] = port

    def point(port: int) -> None:
        _forget()
        deadlines.set_for_process(DEADLINE_SECONDS)
        move([port] * len(databases))

    yield point
    deadlines.set_for_process(None)
    move(ports)
    _forget()


Requests = dict[str, Callable[[], Any]]


@pytest.fixture
def ask_for(
    api: APIClient, alice: User, bob: User, carol: User, sign_in: Callable[[User], APIClient]
) -> Requests:
    """All requests by name. Bob follows alice and has read his feed; carol hasn't read hers."""
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=carol, following=alice)
    tweet = TweetFactory.create(user_id=alice.id, content="the first snow")
    own = TweetFactory.create(user_id=bob.id)
    as_bob, as_carol = sign_in(bob), sign_in(carol)
    for _ in range(2):
        assert as_bob.get("/feed").status_code == 200
    new = {"email": "new@example.com", "username": "new", "password": PASSWORD}
    old = {"email": alice.email, "password": PASSWORD}
    at = f"/tweet/{tweet.id}"
    return {
        "liveness": lambda: api.get("/health"),
        "readiness": lambda: api.get("/ready"),
        "register": lambda: api.post("/users/register", new),
        "log in": lambda: api.post("/users/login", old),
        "profile": lambda: api.get("/users/alice"),
        "followers": lambda: api.get("/users/alice/followers"),
        "whom I follow": lambda: as_bob.get("/following"),
        "follow": lambda: as_bob.post("/follow", {"following_id": str(carol.id)}),
        "unfollow": lambda: as_bob.delete(f"/follow/{carol.id}"),
        "an author's tweets": lambda: api.get(f"/users/{alice.id}/tweets"),
        "read a tweet": lambda: api.get(at),
        "post": lambda: as_bob.post("/tweet", {"content": "hello"}),
        "reply": lambda: as_bob.post(f"{at}/reply", {"content": "hello"}),
        "like": lambda: as_bob.post(f"{at}/like"),
        "repost": lambda: as_bob.post(f"{at}/repost"),
        "delete": lambda: as_bob.delete(f"/tweet/{own.id}"),
        "search": lambda: as_bob.get("/search", {"q": "snow"}),
        "feed": lambda: as_bob.get("/feed"),
        "unbuilt feed": lambda: as_carol.get("/feed"),
    }


@pytest.mark.parametrize("port", ["down", "hangs"], indirect=True)
@pytest.mark.parametrize("part", TABLE)
def test_requests_without_a_part(
    ask_for: Requests, point: Callable[[str, int], None], port: int, part: str
) -> None:
    point(part, port)

    assert refused(ask_for) == TABLE[part]


def test_a_tweet_waits_in_the_outbox_without_rabbitmq(
    ask_for: Requests, point: Callable[[str, int], None], closed_port: int
) -> None:
    point("rabbitmq", closed_port)

    assert ask_for["post"]().status_code == 200

    with pytest.raises((Unavailable, *OUTAGES)):
        relay_batch("default", broker())
    assert OutboxEvent.objects.pending().filter(routing_key="tweet.created").count() == 1


@pytest.mark.real
@pytest.mark.parametrize("port", ["down", "hangs"], indirect=True)
def test_requests_without_postgresql(
    ask_for: Requests, point_databases: Callable[[int], None], port: int
) -> None:
    point_databases(port)

    assert ask_for.keys() - refused(ask_for) == {"liveness", "feed", "search"}


def refused(ask_for: Requests) -> set[str]:
    """The requests that answer 503. All others must succeed."""
    answers = {}
    for name, ask in ask_for.items():
        answers[name] = ask()
        if not connections["default"].in_atomic_block:
            close_old_connections()  # as Django does after a real request
    refused = {name for name, answer in answers.items() if answer.status_code == 503}
    failed = {n: a.status_code for n, a in answers.items() if a.status_code not in (200, 204, 503)}
    assert failed == {}
    assert all(answers[name]["Retry-After"] for name in refused)
    return refused


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        ("redis", "feed"),
        ("elasticsearch", "search"),
        ("accounts", "unbuilt feed"),
        ("tweets", "unbuilt feed"),
    ],
)
def test_requests_stop_waiting_for_a_part_that_hangs(
    ask_for: Requests, point: Callable[[str, int], None], silent_port: int, part: str, asked: str
) -> None:
    point(part, silent_port)
    ask = ask_for[asked]
    started = time.monotonic()
    for _ in range(breakers.FAILURES):
        answer = ask()
        assert answer.status_code == 503
    assert time.monotonic() - started < breakers.FAILURES * 3 * DEADLINE_SECONDS

    started = time.monotonic()
    answers = [ask() for _ in range(10)]

    assert time.monotonic() - started < DEADLINE_SECONDS
    assert {(answer.status_code, answer["Retry-After"]) for answer in answers} == {(503, "1")}
