"""The real servers, with data of the benchmarks' own, and the processes that rows start."""

import http.client
import re
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pika
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from benchmarks.datasets import (
    HeavyReader,
    MillionFollowers,
    PopularAuthor,
    RankedAuthors,
    SocialGraph,
)
from deploy.local import ports
from deploy.local.processes import Process, Processes
from deploy.local.readiness import (
    connect,
    grpc_address,
    wait_for_relay,
    wait_for_worker,
    web_address,
)
from messaging.broker import broker
from messaging.worker import workers

SETTINGS = "benchmarks.settings"
LIMIT_SETTINGS = "benchmarks.limit_settings"
_MANAGEMENT_OFFSET = 10_000  # RabbitMQ's management port minus its AMQP port
_MARKER = "benchmarks"  # this key marks a Redis database that may be emptied


class NotReady(Exception):
    """One line: the problem and the remedy."""


class Testbed:
    def __init__(self) -> None:
        self.redis = redis.Redis.from_url(str(settings.REDIS_URL))
        self._is_set_up = False
        self._made = ExitStack()
        folder = self._made.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        self._processes = Processes(Path(folder))
        self._made.callback(self._processes.stop_all)

    def __enter__(self) -> "Testbed":
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the processes and removes all data; an empty database remains."""
        self._made.close()

    def set_up(self) -> None:
        if self._is_set_up:
            return
        self._is_set_up = True
        if self.redis.dbsize() and not self.redis.exists(_MARKER):
            raise NotReady("the Redis database holds other data: name another one in REDIS_URL")
        self._made.callback(self.redis.flushdb)
        self.empty_redis()
        self._made.enter_context(_vhost())
        self._made.enter_context(_database())
        call_command("migrate", verbosity=0, interactive=False)
        broker().declare(list(workers().values()))
        self._made.callback(broker().close)
        self._made.callback(self._processes.stop_all)  # before the data goes

    def empty_redis(self) -> None:
        self.redis.flushdb()
        self.redis.set(_MARKER, "")

    # Data that rows share, made at its first use

    @cached_property
    def popular_author(self) -> PopularAuthor:
        """An author with 10,000 followers."""
        return PopularAuthor.make()

    @cached_property
    def ranked_authors(self) -> RankedAuthors:
        """Authors with 10,000 to no followers."""
        return RankedAuthors.make(self.popular_author)

    @cached_property
    def social_graph(self) -> SocialGraph:
        """Users who follow each other and have tweets."""
        return SocialGraph.make()

    @cached_property
    def million_followers(self) -> MillionFollowers:
        """An author with a million followers, and authors with ten."""
        return MillionFollowers.make()

    @cached_property
    def heavy_reader(self) -> HeavyReader:
        """A user who follows 200 authors with some hundred tweets each."""
        return HeavyReader.make("reader", followed=200, tweets=20_000)

    # Processes

    @cached_property
    def network(self) -> dict[str, str]:
        """The environment of processes that call the services over gRPC. Starts both servers."""
        services = {"accounts": "USERS_GRPC", "tweets": "TWEETS_GRPC"}
        started = {
            name: self._start("run_grpc_server", name, "--listen", "127.0.0.1:0")
            for name in services
        }
        return {services[name]: grpc_address(process, name) for name, process in started.items()}

    @contextmanager
    def web(
        self,
        environment: Mapping[str, str] = MappingProxyType({}),
        *,
        module: str = SETTINGS,
        workers: int = 1,
        threads: int = 1,
    ) -> Iterator[tuple[str, Process]]:
        """`manage.py serve` and its URL."""
        options = {"port": ports.find_free(), "workers": workers, "threads": threads}
        process = self._start(
            "serve",
            *(f"--{name}={value}" for name, value in options.items()),
            DJANGO_SETTINGS_MODULE=module,
            **environment,
        )
        try:
            yield web_address(process), process
        finally:
            self._processes.stop(process)

    @contextmanager
    def relay(self) -> Iterator[Process]:
        process = self._start("run_outbox_relay")
        try:
            wait_for_relay(process)
            yield process
        finally:
            self._processes.stop(process)

    @contextmanager
    def worker(self, service: str, **environment: str) -> Iterator[Process]:
        """It calls the services over gRPC."""
        process = self._start(f"run_{service}_worker", **self.network, **environment)
        try:
            wait_for_worker(process, service)
            yield process
        finally:
            self._processes.stop(process)

    def _start(self, *arguments: str, **environment: str) -> Process:
        return self._processes.start(
            *arguments, **{"DJANGO_SETTINGS_MODULE": SETTINGS, **environment}
        )

    # Direct connections

    @contextmanager
    def sql(self) -> Iterator[Any]:
        """A psycopg2 cursor. Every statement commits."""
        with closing(connect("tweets")) as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def amqp(self) -> Iterator[Any]:
        """A pika channel."""
        with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
            yield connection.channel()


@contextmanager
def _database() -> Iterator[None]:
    """Creates the database, and empties it before and after."""
    name = _own("database", urlsplit(settings.DATABASE_URL).path)
    with closing(connect("tweets", database="postgres")) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {name}")
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW fsync")
        if cursor.fetchone() != ("on",):
            raise NotReady("PostgreSQL runs with fsync off: turn it on")
    _empty_database()
    yield
    _empty_database()
    connections.close_all()


def _empty_database() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@contextmanager
def _vhost() -> Iterator[None]:
    """Creates the virtual host anew, and deletes it afterwards."""
    path = f"/api/vhosts/{_own('virtual host', urlsplit(str(settings.RABBITMQ_URL)).path)}"
    _manage("DELETE", path, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
    _manage("PUT", path, HTTPStatus.CREATED)
    yield
    _manage("DELETE", path, HTTPStatus.NO_CONTENT)


def _own(kind: str, path: str) -> str:
    """The name in a URL's path, if its data may be deleted."""
    name = path.removeprefix("/")
    if not re.fullmatch(r"\w*bench\w*", name):
        raise NotReady(f"the {kind} {name!r} may hold other data: its name must contain 'bench'")
    return name


def _manage(method: str, path: str, *expected: HTTPStatus) -> None:
    url = urlsplit(str(settings.RABBITMQ_URL))
    pair = f"{url.username}:{url.password}".encode()
    headers = {"Authorization": f"Basic {b64encode(pair).decode()}"}
    with closing(
        http.client.HTTPConnection(
            str(url.hostname), int(url.port or 0) + _MANAGEMENT_OFFSET, timeout=30
        )
    ) as connection:
        connection.request(method, path, headers=headers)
        status = connection.getresponse().status
    if status not in expected:
        raise NotReady(f"RabbitMQ's management answers {status} to {method} {path}")
