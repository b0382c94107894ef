"""Connections to the Redis servers that `settings.CACHES` names.

`redis_client` is the way to a server. Two callers skip the command layer of redis-py, whose pool,
retries and callbacks cost more than a small script: `common.redis.scripts` uses `run_on_thread`,
and `common.redis.pipelines` a connection of the client's pool.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError, ResponseError

Value = str | bytes | int


def redis_client(server: str = "default") -> redis.Redis:
    """The client of a server, whose pool all threads of the process share."""
    client: redis.Redis = get_redis_connection(server)
    return client


def single_use_client(url: str, *, timeout: float) -> redis.Redis:
    """A client for one check of a server, by its URL and without a circuit breaker.

    It is a context manager, which closes the connection.
    """
    return redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout)


def run_on_thread(server: str, *command: Value) -> Any:
    """Runs a command on this thread's own connection to the server.

    Runs it a second time if an idle connection turns out to be closed, so the command must be
    harmless when it runs twice.
    """
    connection = _thread_connection(server)
    was_in_use = connection.is_in_use
    try:
        return connection.run(command)
    except ConnectionError:
        if not was_in_use:
            raise
    return connection.run(command)


@dataclass(slots=True)
class _ThreadConnection:
    pool: Any
    connection: Any
    is_in_use: bool = False  # it has answered since it was opened

    def run(self, command: Sequence[Value]) -> Any:
        try:
            self.connection.send_command(*command)
            reply = self.connection.read_response()
        except ResponseError:
            raise
        except BaseException:
            self.connection.disconnect()  # the next command would read this one's reply
            self.is_in_use = False
            raise
        self.is_in_use = True
        return reply


_thread_connections = threading.local()  # by server name
os.register_at_fork(after_in_child=lambda: vars(_thread_connections).clear())


def _thread_connection(server: str) -> _ThreadConnection:
    pool = redis_client(server).connection_pool
    by_server: dict[str, _ThreadConnection] = vars(_thread_connections)
    kept = by_server.get(server)
    if kept is None or kept.pool is not pool:
        connection = pool.connection_class(**pool.connection_kwargs)
        kept = by_server[server] = _ThreadConnection(pool, connection)
    return kept
