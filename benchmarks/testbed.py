"""Where the rows play: the real servers, in places of the benchmarks' own, and real processes."""

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
_MANAGEMENT_ABOVE = 10_000  # where RabbitMQ's management listens, from its own port
_MARKER = "benchmarks"  # the key that says that a Redis database is ours to empty


class NotReady(Exception):
    """Says in one line what to do."""


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
        """Leaves nothing but an empty database."""
        self._made.close()

    def set_up(self) -> None:
        if self._is_set_up:
            return
        self._is_set_up = True
        if self.redis.dbsize() and not self.redis.exists(_MARKER):
            raise NotReady("the Redis database holds other data: name another with REDIS_URL=…")
        self._made.callback(self.redis.flushdb)
        self.empty_redis()
        self._made.enter_context(_vhost())
        self._made.enter_context(_database())
        call_command("migrate", verbosity=0, interactive=False)
        broker().declare(list(workers().values()))
        self._made.callback(broker().close)
        self._made.callback(self._processes.stop_all)  # first, so that nobody misses what goes

    def empty_redis(self) -> None:
        self.redis.flushdb()
        self.redis.set(_MARKER, "")

    # Data that several rows share, made when the first of them asks.

    @cached_property
    def popular_author(self) -> PopularAuthor:
        """An author whom 10,000 follow."""
        return PopularAuthor.make()

    @cached_property
    def ranked_authors(self) -> RankedAuthors:
        """Authors whom between 10,000 and nobody follow."""
        return RankedAuthors.make(self.popular_author)

    @cached_property
    def social_graph(self) -> SocialGraph:
        """People who follow each other and have written."""
        return SocialGraph.make()

    @cached_property
    def million_followers(self) -> MillionFollowers:
        """An author whom a million follow, and small ones beside."""
        return MillionFollowers.make()

    @cached_property
    def heavy_reader(self) -> HeavyReader:
        """Somebody who follows 200 authors, who have written a hundred tweets each."""
        return HeavyReader.make("fan", followed=200, tweets=20_000)

    # Processes

    @cached_property
    def network(self) -> dict[str, str]:
        """The environment of processes that ask the services over gRPC, each in a process."""
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
        """granian, and where it answers."""
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
        """It asks the services over gRPC."""
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

    # Looks into the parts

    @contextmanager
    def sql(self) -> Iterator[Any]:
        """A cursor of the driver's own; every statement commits."""
        with closing(connect("tweets")) as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def amqp(self) -> Iterator[Any]:
        """A channel of the driver's own."""
        with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
            yield connection.channel()


@contextmanager
def _database() -> Iterator[None]:
    """Empty, whatever the last run left."""
    name = _own("database", urlsplit(settings.DATABASE_URL).path)
    with connections["default"]._nodb_cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {name}")
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW fsync")
        if cursor.fetchone() != ("on",):
            raise NotReady("PostgreSQL runs with fsync off: nothing measured on it would be true")
    _empty_database()
    yield
    _empty_database()
    connections.close_all()


def _empty_database() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@contextmanager
def _vhost() -> Iterator[None]:
    """Empty, too."""
    path = f"/api/vhosts/{_own('virtual host', urlsplit(str(settings.RABBITMQ_URL)).path)}"
    _manage("DELETE", path, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
    _manage("PUT", path, HTTPStatus.CREATED)
    yield
    _manage("DELETE", path, HTTPStatus.NO_CONTENT)


def _own(kind: str, path: str) -> str:
    """What a URL's path names, if it is ours to throw away."""
    name = path.removeprefix("/")
    if not re.fullmatch(r"\w*bench\w*", name):
        raise NotReady(f"the {kind} {name!r} is no benchmark's: its name must contain 'bench'")
    return name


def _manage(method: str, path: str, *expected: HTTPStatus) -> None:
    place = urlsplit(str(settings.RABBITMQ_URL))
    pair = f"{place.username}:{place.password}".encode()
    headers = {"Authorization": f"Basic {b64encode(pair).decode()}"}
    with closing(
        http.client.HTTPConnection(
            str(place.hostname), int(place.port or 0) + _MANAGEMENT_ABOVE, timeout=30
        )
    ) as connection:
        connection.request(method, path, headers=headers)
        status = connection.getresponse().status
    if status not in expected:
        raise NotReady(f"RabbitMQ's management answers {status} to {method} {path}")
