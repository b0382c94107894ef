"""The stack's databases, virtual host, index and Redis database: created and dropped."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager

import psycopg2
import redis

from deploy.local import ports
from deploy.local.errors import DeployError
from deploy.services import servers
from deploy.stack.environment import SERVERS, redis_url
from deploy.stack.topology import TOPOLOGIES, name_databases


def create(stack: str, databases: Collection[str]) -> None:
    """Creates what is missing; existing data stays."""
    with _postgres() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        existing = {name for (name,) in cursor.fetchall()}
        for name in sorted(set(databases) - existing):
            cursor.execute(f'CREATE DATABASE "{name}"')
    _ask_rabbitmq("PUT", f"/api/vhosts/{stack}")


def drop(stack: str, redis_db: int) -> None:
    """Drops the data of every topology."""
    databases = {
        name for topology in TOPOLOGIES for name in name_databases(topology, stack).values()
    }
    with _postgres() as cursor:
        for name in sorted(databases):
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _ask_rabbitmq("DELETE", f"/api/vhosts/{stack}")
    index = f"{stack}-tweets"
    found = _ask_elasticsearch(
        "GET", f"/{index},{index}-*?allow_no_indices=true&ignore_unavailable=true"
    )
    for concrete in json.loads(found):
        _ask_elasticsearch("DELETE", f"/{concrete}")
    _ask_elasticsearch("DELETE", f"/_index_template/{index}")
    with redis.Redis.from_url(redis_url(redis_db)) as client:
        client.flushdb()


@contextmanager
def _postgres() -> Iterator[psycopg2.extensions.cursor]:
    try:
        connection = psycopg2.connect(
            host=ports.LOOPBACK,
            port=SERVERS.postgres,
            user=servers.USER,
            password=servers.PASSWORD,
            dbname=servers.DATABASE,
        )
    except psycopg2.OperationalError:
        raise DeployError("PostgreSQL does not answer: start it with `make services`") from None
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def _ask_rabbitmq(method: str, path: str) -> None:
    credentials = base64.b64encode(f"{servers.USER}:{servers.PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    _ask(SERVERS.rabbitmq_management, method, path, headers)


def _ask_elasticsearch(method: str, path: str) -> bytes:
    return _ask(SERVERS.elasticsearch, method, path, {})


def _ask(port: int, method: str, path: str, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=30)
    with closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    if answer.status >= 400 and (method, answer.status) != ("DELETE", 404):
        raise DeployError(f"{method} {path} on port {port}: {answer.status} {body.decode()[:200]}")
    return body
