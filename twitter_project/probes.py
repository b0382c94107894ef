"""Which parts of the system answer: the questions behind /ready.

All parts are asked side by side and none is waited for longer than the deadline. A part has one
thread: while it hangs, the next reader waits for the question under way instead of asking again, so
that a dead server costs neither threads nor connections.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from urllib.parse import urlsplit

import redis as redis_driver
from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.db import alias
from grpc_services.channels import channel
from grpc_services.servers import NAMES

Probe = Callable[[], None]

DEADLINE_SECONDS = 1.0
_TIMEOUT_SECONDS = 0.8

_lock = threading.Lock()
_under_way: dict[str, Future[None]] = {}


def ask(parts: Mapping[str, Probe]) -> dict[str, bool]:
    """Asks every part; True for those that answered within the deadline."""
    with _lock:
        answers = {name: _start(name, probe) for name, probe in parts.items()}
    wait(answers.values(), timeout=DEADLINE_SECONDS)
    return {name: answer.done() and answer.exception() is None for name, answer in answers.items()}


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
    connection = connections[using]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def redis(url: str) -> None:
    with redis_driver.Redis.from_url(
        url, socket_connect_timeout=_TIMEOUT_SECONDS, socket_timeout=_TIMEOUT_SECONDS
    ) as client:
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


def _build(BACKEND: str, **options: str) -> Probe:
    return partial(import_string(BACKEND), **options)


def _start(name: str, probe: Probe) -> Future[None]:
    answer = _under_way.get(name)
    if answer is None or answer.done():
        answer = _under_way[name] = Future()
        threading.Thread(
            target=_run, args=(probe, answer), name=f"probe-{name}", daemon=True
        ).start()
    return answer


def _run(probe: Probe, answer: Future[None]) -> None:
    try:
        probe()
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(None)
