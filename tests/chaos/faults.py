"""Faults that the chaos test causes."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import psycopg2
import redis
from elasticsearch import Elasticsearch

from tests.support.parts import Part
from tests.support.proxy import Proxy


@dataclass(frozen=True)
class Targets:
    processes: list[Part]
    servers: list[Part]
    proxies: dict[str, Proxy]
    rabbitmq: Part
    # direct, not through the proxies
    postgres_url: str
    redis_url: str
    elasticsearch_url: str


@dataclass(frozen=True)
class Fault:
    kind: str
    target: str
    happen: Callable[[], object] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


def plan(targets: Targets, draw: random.Random, *, longest_pause: float) -> Iterator[Fault]:
    """Endless faults: first one of each kind, then rounds of all of them."""
    every = list(_list(targets, draw, longest_pause))
    kinds = sorted({fault.kind for fault in every})
    first = [draw.choice([fault for fault in every if fault.kind == kind]) for kind in kinds]
    draw.shuffle(first)
    yield from first
    while True:
        draw.shuffle(every)
        yield from every


def _list(targets: Targets, draw: random.Random, longest_pause: float) -> Iterator[Fault]:
    def kill(part: Part) -> None:
        part.send(signal.SIGKILL)

    def pause(part: Part) -> None:
        part.send(signal.SIGSTOP)
        time.sleep(draw.uniform(1, longest_pause))
        part.send(signal.SIGCONT)

    def while_refused(refuse: Callable[[bool], None]) -> None:
        refuse(True)
        time.sleep(draw.uniform(1, longest_pause))
        refuse(False)

    for part in targets.processes:
        yield Fault("kill process", part.name, partial(kill, part))
        yield Fault("pause process", part.name, partial(pause, part))
    for part in targets.servers:
        yield Fault("kill server", part.name, partial(kill, part))
        yield Fault("pause server", part.name, partial(pause, part))
    for name, proxy in targets.proxies.items():
        yield Fault("cut", name, proxy.cut)
    yield Fault("fill", "redis", lambda: while_refused(lambda on: _fill_redis(targets, on)))
    yield Fault(
        "refuse writes", "elasticsearch", lambda: while_refused(lambda on: _block(targets, on))
    )
    yield Fault("kill with messages unconfirmed", "rabbitmq", lambda: _kill_unconfirmed(targets))
    yield Fault("drop connections", "postgres", lambda: _drop_connections(targets))


def _fill_redis(targets: Targets, on: bool) -> None:
    """At its memory limit Redis refuses writes."""
    with redis.Redis.from_url(targets.redis_url) as client:
        _retry(lambda: client.config_set("maxmemory", 1 if on else 0))


def _block(targets: Targets, on: bool) -> None:
    """Elasticsearch does this by itself when its disk is full."""
    with Elasticsearch(targets.elasticsearch_url, request_timeout=10) as client:
        block = {"index.blocks.read_only_allow_delete": on or None}
        _retry(lambda: client.indices.put_settings(index="tweets*", settings=block))


def _kill_unconfirmed(targets: Targets) -> None:
    """Hangs while the relay publishes, then dies."""
    targets.rabbitmq.send(signal.SIGSTOP)
    time.sleep(1)
    targets.rabbitmq.send(signal.SIGKILL)


def _drop_connections(targets: Targets) -> None:
    def drop() -> None:
        connection = psycopg2.connect(targets.postgres_url, connect_timeout=5)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
        finally:
            connection.close()

    _retry(drop)


def _retry(act: Callable[[], object]) -> None:
    """Retries: the server may still be starting after the previous fault."""
    deadline = time.monotonic() + 90
    while True:
        try:
            act()
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
