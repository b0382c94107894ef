"""Waits until processes of the system do their work. Needs Django's settings."""

import socket
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pika
import psycopg2
from django.conf import settings

from common.db import alias
from common.ids import new_id
from deploy.local.probes import answers, is_serving
from deploy.local.processes import Process
from grpc_services.servers import NAMES
from messaging.worker import workers


def find_down_server() -> str | None:
    """The name and address of a configured server that accepts no connection."""
    for name, url in {
        "PostgreSQL": settings.DATABASE_URL,
        "Redis": settings.REDIS_URL,
        "RabbitMQ": settings.RABBITMQ_URL,
        "Elasticsearch": settings.ELASTICSEARCH_URL,
    }.items():
        parts = urlsplit(url)
        try:
            socket.create_connection((str(parts.hostname), parts.port), timeout=2).close()
        except OSError:
            return f"{name} at {parts.hostname!s}:{parts.port}"
    return None


def grpc_address(server: Process, service: str) -> str:
    """The address of a `run_grpc_server` process, once it serves."""
    port = server.wait_until(lambda: server.find_in_log(r"\(port (\d+)\)"))
    address = f"127.0.0.1:{port}"
    server.wait_until(lambda: is_serving(address, NAMES[service]))
    return address


def web_address(server: Process) -> str:
    """The URL of a `runserver` or `serve` process, once it answers."""
    address: str = server.wait_until(lambda: server.find_in_log(r"(http://127\.0\.0\.1:\d+)/"))
    server.wait_until(lambda: answers(f"{address}/health"))
    return address


def monitor_address(process: Process) -> str:
    """The URL at which the process serves its health and metrics."""
    address: str = process.wait_until(lambda: process.find_in_log(r"metrics on (http://\S+)"))
    return address


def wait_for_relay(relay: Process) -> None:
    """Waits until the relay publishes an event that no queue is bound to."""
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


def connect(service: str, *, database: str | None = None) -> Any:
    """A psycopg2 connection to the service's database, or another one on its server.

    Every statement commits.
    """
    options = settings.DATABASES[alias(service)]
    connection = psycopg2.connect(
        host=options["HOST"],
        port=options["PORT"],
        user=options["USER"],
        password=options["PASSWORD"],
        dbname=database or options["NAME"],
    )
    connection.autocommit = True
    return connection
