"""The probes behind /ready: which parts of the system answer.

A busy process must not look like one whose database is down: its traffic would move to the others
and overload them. So a result is shared by all requests of a second, and stays valid for some
seconds more while the next probe runs.

Parts are probed in parallel, each by one thread, so a server that hangs costs one thread.
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

# A result is reused for so long, and is valid for so long while the next probe runs.
FRESH_SECONDS = 1.0
VALID_SECONDS = 5.0
# A caller waits so long for a first result, and so long for a newer one.
DEADLINE_SECONDS = 1.0
_REFRESH_SECONDS = 0.2
_TIMEOUT_SECONDS = 2.0

_lock = threading.Lock()
_parts: dict[str, "_Part"] = {}


def ask(parts: Mapping[str, Probe]) -> dict[str, bool]:
    """True for each part whose probe succeeded, False for one without a result by the deadline."""
    with _lock:
        asked = {name: _parts.get(name) or _Part(name) for name in parts}
        _parts.update(asked)
        is_known = all(part.is_known() for part in asked.values())
        results = [asked[name].ask(probe) for name, probe in parts.items()]
    wait(results, timeout=_REFRESH_SECONDS if is_known else DEADLINE_SECONDS)
    return {name: part.is_up() for name, part in asked.items()}


def forget() -> None:
    """Drops all results and threads. A forked process has results without the threads."""
    global _lock
    _lock = threading.Lock()
    for part in _parts.values():
        part.stop()
    _parts.clear()


os.register_at_fork(after_in_child=forget)


class _Part:
    """A part's last result, and the thread that probes it."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[tuple[Probe, Future[bool]] | None] = SimpleQueue()
        self._result: Future[bool] | None = None
        self._asked_at = float("-inf")
        self._answered_at = float("-inf")
        self._was_up = False
        threading.Thread(target=self._run_probes, name=f"probe-{name}", daemon=True).start()

    def ask(self, probe: Probe) -> Future[bool]:
        now = time.monotonic()
        result = self._result
        if result is None or (result.done() and now - self._answered_at > FRESH_SECONDS):
            self._result = result = Future()
            self._asked_at = now
            self._queue.put((probe, result))
        return result

    def is_known(self) -> bool:
        return time.monotonic() - self._answered_at < VALID_SECONDS

    def is_up(self) -> bool:
        result = self._result
        if result is not None and result.done():
            return result.result()
        return self._was_up and time.monotonic() - self._asked_at < VALID_SECONDS

    def stop(self) -> None:
        self._queue.put(None)

    def _run_probes(self) -> None:
        while asked := self._queue.get():
            probe, result = asked
            try:
                probe()
            except Exception:
                self._was_up = False
            else:
                self._was_up = True
            self._answered_at = time.monotonic()
            result.set_result(self._was_up)
        connections.close_all()


def databases() -> dict[str, Probe]:
    """The databases of this process's services. It can do nothing without them."""
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
    """Keeps its connection: PostgreSQL forks a process for each new one."""
    close_old_connections()
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT 1")


def redis(url: str) -> None:
    with single_use_client(url, timeout=_TIMEOUT_SECONDS) as client:
        client.ping()


def rabbitmq(url: str) -> None:
    """Connects, over TLS if the URL asks for it. RabbitMQ logs unfinished AMQP handshakes."""
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "localhost", parts.scheme == "amqps"
    address = (host, parts.port or (5671 if is_secure else 5672))
    with socket.create_connection(address, timeout=_TIMEOUT_SECONDS) as connection:
        if is_secure:
            _context(url).wrap_socket(connection, server_hostname=host).close()


def _context(url: str) -> ssl.SSLContext:
    import pika  # web processes need it here alone

    options = pika.URLParameters(url).ssl_options
    return options.context if options else ssl.create_default_context()


def elasticsearch(url: str) -> None:
    from elasticsearch import Elasticsearch  # a slow import, needed with a real index alone

    with Elasticsearch(
        url, request_timeout=_TIMEOUT_SECONDS, max_retries=0, **settings.ELASTICSEARCH_TLS
    ) as client:
        if client.cluster.health()["status"] == "red":
            raise RuntimeError("the cluster is red")


def grpc(url: str, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(channel(service))
    request = health_pb2.HealthCheckRequest(service=NAMES[service])
    reply = stub.Check(request, timeout=_TIMEOUT_SECONDS)
    if reply.status != health_pb2.HealthCheckResponse.SERVING:
        raise RuntimeError(f"{url} is not serving")


def embedded() -> None:
    """A part in this process answers as long as the process does."""


def embedded_redis() -> None:
    _require_one("redis")


def embedded_search() -> None:
    _require_one("search")


def embedded_broker() -> None:
    """Dead letters count as down: only our own code publishes to this broker."""
    _require_one("broker")
    _require_one("wakeup")
    close_old_connections()
    for worker in workers().values():
        if broker().depth(dead_queue(worker.queue)):
            raise RuntimeError(f"{worker.queue} has dead letters")


def _require_one(part: str) -> None:
    """With two instances, each would hold a part of the data."""
    if embedded_parts.count(part) > 1:
        raise RuntimeError(f"this process has more than one {part}")


def _build(BACKEND: str, **options: str) -> Probe:
    return partial(import_string(BACKEND), **options)
