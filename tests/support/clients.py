"""Fixtures that inspect the real servers by plain clients, without our own code."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import grpc
import pika
import pytest
import redis
from django.conf import settings
from elasticsearch import Elasticsearch

from deploy.local.readiness import connect
from grpc_services.generated.tweet_service_pb2_grpc import TweetStub
from grpc_services.generated.user_service_pb2_grpc import UserStub
from tests.support.system import System

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def accounts_db(system: System) -> Iterator[Query]:
    """Runs SQL in accounts' PostgreSQL: `accounts_db("SELECT … WHERE id = %s", user_id)`."""
    with closing(connect("accounts")) as connection:
        yield lambda sql, *values: _run(connection, sql, values)


@pytest.fixture
def tweets_db(system: System) -> Iterator[Query]:
    with closing(connect("tweets")) as connection:
        yield lambda sql, *values: _run(connection, sql, values)


@pytest.fixture
def timelines() -> Iterator[Any]:
    """The Redis server of the timelines."""
    with redis.Redis.from_url(str(settings.REDIS_URL), decode_responses=True) as client:
        yield client


@pytest.fixture
def index() -> Iterator[Elasticsearch]:
    with Elasticsearch(settings.ELASTICSEARCH_URL, request_timeout=30) as client:
        yield client


@pytest.fixture
def user_service(system: System) -> Iterator[UserStub]:
    with grpc.insecure_channel(system.users_grpc) as channel:
        yield UserStub(channel)


@pytest.fixture
def tweet_service(system: System) -> Iterator[TweetStub]:
    with grpc.insecure_channel(system.tweets_grpc) as channel:
        yield TweetStub(channel)


class Queue:
    """A RabbitMQ queue without consumers."""

    def __init__(self, name: str, connection: pika.BlockingConnection) -> None:
        self._name = name
        self._channel = connection.channel()
        declared = self._channel.queue_declare(name, passive=True)  # declared by the relay
        assert declared.method.consumer_count == 0, f"a worker takes the messages of {name}"

    def take(self, routing_key: str, tweet_id: str, seconds: float = 15.0) -> dict[str, Any]:
        """Waits for the message about the tweet. Other messages return when the queue closes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            method, properties, body = self._channel.basic_get(self._name)
            if method is None or method.delivery_tag is None or properties is None or body is None:
                time.sleep(0.01)
                continue
            message: dict[str, Any] = json.loads(body)
            if properties.type == routing_key and message["id"] == tweet_id:
                self._channel.basic_ack(method.delivery_tag)
                return message
        raise AssertionError(f"no {routing_key} of {tweet_id} arrived in {self._name} in time")


@pytest.fixture
def rabbitmq() -> Iterator[pika.BlockingConnection]:
    with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
        yield connection


@pytest.fixture
def general_tweets(system: System, rabbitmq: pika.BlockingConnection) -> Queue:
    """The relay declares it and publishes to it."""
    return Queue("general_tweets", rabbitmq)


def _run(connection: Any, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
