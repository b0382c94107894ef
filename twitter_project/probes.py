"""Which parts of the system answer: the questions behind /ready.

A process that is busy must not be taken for one whose database is down: its requests would go to
others, until those are too busy, too. So an answer serves everybody who asks within a second; and
while the next one is under way, the last one counts for some seconds more.

All parts are asked side by side. A part has one thread, so a dead server costs no more than that.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from urllib.parse import urlsplit

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils.module_loading import import_string
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common import embedded_parts
from common.db import alias
from common.redis.client import single_use_client
from grpc_services.channels import channel
from grpc_services.servers import NAMES
from messaging.broker import broker, dead_queue
from messaging.worker import workers

Probe = Callable[[], None]

# How long an answer serves, and how long the last one counts while the next doesn't come.
FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 5.0
# How long one who asks waits: for the first answer, and for a newer one.
DEADLINE_SECONDS = 1.0
_MOMENT_SECONDS = 0.2
_TIMEOUT_SECONDS = 2.0

_lock = threading.Lock()
_parts: dict[str, "_Part"] = {}


def ask(parts: Mapping[str, Probe]) -> dict[str, bool]:
    """True for each part that answers, as far as is known within the deadline."""
    with _lock:
        asked = {name: _parts.get(name) or _Part(name) for name in parts}
        _parts.update(asked)
        is_known = all(part.is_known() for part in asked.values())
        answers = [asked[name].ask(probe) for name, probe in parts.items()]
    wait(answers, timeout=_MOMENT_SECONDS if is_known else DEADLINE_SECONDS)
    return {name: part.is_up() for name, part in asked.items()}


def forget() -> None:
    """Nothing is known any more. A forked process has no thread that would answer."""
    global _lock
    _lock = threading.Lock()
    for part in _parts.values():
        part.end()
    _parts.clear()


os.register_at_fork(after_in_child=forget)


class _Part:
    """What is known of a part, and the thread that asks it."""

    def __init__(self, name: str) -> None:
        self._questions: SimpleQueue[tuple[Probe, Future[bool]] | None] = SimpleQueue()
        self._question: Future[bool] | None = None
        self._asked_at = float("-inf")
        self._answered_at = float("-inf")
        self._was_up = False
        threading.Thread(target=self._answer_all, name=f"probe-{name}", daemon=True).start()

    def ask(self, probe: Probe) -> Future[bool]:
        now = time.monotonic()
        question = self._question
        if question is None or (question.done() and now - self._answered_at > FRESH_SECONDS):
            self._question = question = Future()
            self._asked_at = now
            self._questions.put((probe, question))
        return question

    def is_known(self) -> bool:
        return time.monotonic() - self._answered_at < PATIENCE_SECONDS

    def is_up(self) -> bool:
        question = self._question
        if question is not None and question.done():
            return question.result()
        return self._was_up and time.monotonic() - self._asked_at < PATIENCE_SECONDS

    def end(self) -> None:
        self._questions.put(None)

    def _answer_all(self) -> None:
        while asked := self._questions.get():
            probe, question = asked
            try:
                probe()
            except Exception:
                self._was_up = False
            else:
                self._was_up = True
            self._answered_at = time.monotonic()
            question.set_result(self._was_up)
        connections.close_all()


def databases() -> dict[str, Probe]:
    """This process's own databases: without them it can't do its work at all."""
    services: dict[str, list[str]] = {}
    for service in settings.SERVICES:
        services.setdefault(alias(service), []).append(service)
    if len(services) == 1:
        return {"database": partial(database, *services)}
    return {
        f"{'+'.join(names)}_database": partial(database, using) for using, names in services.items()
    }


def others() -> dict[str, Probe]:
    return {name: _build(**options) for name, options in settings.PROBES.items()}


def database(using: str) -> None:
    """Over a connection that is kept: PostgreSQL starts a process for each new one."""
    close_old_connections()
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT 1")


def redis(url: str) -> None:
    with single_use_client(url, timeout=_TIMEOUT_SECONDS) as client:
        client.ping()


def rabbitmq(url: str) -> None:
    """That something listens there, and over TLS that it is the one: RabbitMQ logs a handshake of
    its own protocol that isn't finished.
    """
    place = urlsplit(url)
    host, is_secure = place.hostname or "localhost", place.scheme == "amqps"
    address = (host, place.port or (5671 if is_secure else 5672))
    with socket.create_connection(address, timeout=_TIMEOUT_SECONDS) as connection:
        if is_secure:
            _context(url).wrap_socket(connection, server_hostname=host).close()


def _context(url: str) -> ssl.SSLContext:
    import pika  # web processes do without it elsewhere

    options = pika.URLParameters(url).ssl_options
    return options.context if options else ssl.create_default_context()


def elasticsearch(url: str) -> None:
    from elasticsearch import Elasticsearch  # heavy, and only who has one needs it

    with Elasticsearch(
        url, request_timeout=_TIMEOUT_SECONDS, max_retries=0, **settings.ELASTICSEARCH_TLS
    ) as client:
        if client.cluster.health()["status"] == "red":
            raise RuntimeError("the cluster is red")


def grpc(url: str, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(channel(service))
    request = health_pb2.HealthCheckRequest(service=NAMES[service])
    answer = stub.Check(request, timeout=_TIMEOUT_SECONDS)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise RuntimeError(f"{url} is not serving")


def embedded() -> None:
    """A part of this process answers as long as the process does."""


def embedded_redis() -> None:
    _require_one("redis")


def embedded_search() -> None:
    _require_one("search")


def embedded_broker() -> None:
    """Its dead letters are a fault of ours: nobody else publishes to it."""
    _require_one("broker")
    _require_one("wakeup")
    close_old_connections()
    for worker in workers().values():
        if broker().depth(dead_queue(worker.queue)):
            raise RuntimeError(f"{worker.queue} has dead letters")


def _require_one(part: str) -> None:
    """Two would share the data out among them, and neither has all of it."""
    if embedded_parts.count(part) > 1:
        raise RuntimeError(f"this process has more than one {part}")


def _build(BACKEND: str, **options: str) -> Probe:
    return partial(import_string(BACKEND), **options)
