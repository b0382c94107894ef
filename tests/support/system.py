"""The system as real processes, started once for all tests that go over the wire.

They share the test database, so they start after it is set up and end before it is torn down.
Whether one is ready is found by asking it. Workers are not among them: a test that needs one starts
it, and no other test's messages are taken meanwhile.
"""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import httpx
import pika
import psycopg2
import pytest
from django.conf import settings
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.db import alias
from common.ids import new_id
from grpc_services.servers import NAMES
from messaging.worker import workers
from tests.support.processes import Process, Processes

# Each server's log has the requests.
logging.getLogger("httpx").setLevel(logging.WARNING)

RUNSERVER = ("runserver", "--noreload", "127.0.0.1:0")  # whose threads coverage can trace
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class System:
    """The processes that every live test needs, and where they answer."""

    web: str  # all four services, asking each other over the network
    users_grpc: str
    tweets_grpc: str
    accounts_server: Process
    tweets_server: Process
    relay: Process

    @property
    def environment(self) -> dict[str, str]:
        """What makes another process ask these over the network."""
        return {"USERS_GRPC": self.users_grpc, "TWEETS_GRPC": self.tweets_grpc}


@pytest.fixture(scope="session")
def processes(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    started = Processes(tmp_path_factory.mktemp("processes"))
    # Asked to end, the run ends what it started, too.
    handlers = {number: signal.signal(number, _interrupt) for number in _ENDINGS}
    try:
        yield started
    finally:
        started.stop_all()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def system(processes: Processes) -> System:
    accounts, tweets = (
        processes.start("run_grpc_server", name, "--listen", "127.0.0.1:0", SERVICES=name)
        for name in ("accounts", "tweets")
    )
    relay = processes.start("run_outbox_relay")
    users_grpc = grpc_address(accounts, "accounts")
    tweets_grpc = grpc_address(tweets, "tweets")
    web = processes.start(*RUNSERVER, USERS_GRPC=users_grpc, TWEETS_GRPC=tweets_grpc)
    wait_for_relay(relay)
    return System(web_address(web), users_grpc, tweets_grpc, accounts, tweets, relay)


@pytest.fixture(autouse=True)
def process_logs(processes: Processes) -> Iterator[None]:
    """Shows, when a test fails, what the processes wrote meanwhile."""
    processes.news()
    yield
    sys.stdout.write(processes.news())


def grpc_address(server: Process, service: str) -> str:
    """Where the process of `run_grpc_server` answers, once it does."""
    port = server.wait_until(lambda: server.find_in_log(r"\(port (\d+)\)"))
    address = f"127.0.0.1:{port}"
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=NAMES[service])

        def is_serving() -> bool:
            try:
                answer = health.Check(request, timeout=5)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        server.wait_until(is_serving)
    return address


def web_address(server: Process) -> str:
    """Where the process of `runserver` answers, once it does."""
    address: str = server.wait_until(lambda: server.find_in_log(r"(http://127\.0\.0\.1:\d+)/"))

    def is_healthy() -> bool:
        try:
            return httpx.get(f"{address}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    server.wait_until(is_healthy)
    return address


def monitor_address(process: Process) -> str:
    """Where the process shows its health and its metrics."""
    address: str = process.wait_until(lambda: process.find_in_log(r"metrics on (http://\S+)"))
    return address


def wait_for_relay(relay: Process) -> None:
    """Asks it to publish an event that no queue is bound to."""
    event_id = new_id()
    with closing(connect("tweets")) as connection, connection.cursor() as cursor:

        def is_published() -> bool:
            cursor.execute(
                "SELECT published_at FROM messaging_outboxevent WHERE id = %s", [event_id]
            )
            row: tuple[object] = cursor.fetchone()
            return row != (None,)

        cursor.execute(
            "INSERT INTO messaging_outboxevent (id, routing_key, body, created_at)"
            " VALUES (%s, 'tests.asked', '{}', now())",
            [event_id],
        )
        relay.wait_until(is_published)


def wait_for_worker(worker: Process, service: str) -> None:
    """Waits until the queue of the service's worker has a consumer."""
    queue = workers()[service].queue
    with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
        channel = connection.channel()
        worker.wait_until(
            lambda: channel.queue_declare(queue, passive=True).method.consumer_count > 0
        )


def connect(service: str) -> Any:
    """A connection of the driver's own to the service's database; every statement commits."""
    database = settings.DATABASES[alias(service)]
    connection = psycopg2.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
    )
    connection.autocommit = True
    return connection
