"""Lua scripts in Redis, called below redis-py's command layer.

On the way of a request redis-py's pool, retries and callbacks cost more than the script. So each
thread keeps a connection to each server, which redis-py opens, and what it does with it is to send
and to read.
"""

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError, NoScriptError, ResponseError

from common.observability import tracing
from common.redis.client import redis_client

Value = str | bytes | int


@dataclass(slots=True)
class _Kept:
    pool: Any
    connection: Any
    is_in_use: bool = False  # it has answered before


_kept = threading.local()  # by the server's name
os.register_at_fork(after_in_child=lambda: vars(_kept).clear())


class Script:
    """Redis may have run it before a connection broke, and is asked again: it must not mind."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(
        self, keys: Sequence[Value] = (), args: Sequence[Value] = (), *, server: str = "default"
    ) -> Any:
        """On one of the servers in `CACHES`."""
        operands = (len(keys), *keys, *args)
        with tracing.span("redis EVALSHA", "client"):
            try:
                return _ask(server, "EVALSHA", self.sha, *operands)
            except NoScriptError:  # Redis was restarted
                return _ask(server, "EVAL", self.source, *operands)


def _ask(server: str, *command: Value) -> Any:
    kept = _connection(server)
    was_in_use = kept.is_in_use
    try:
        return _send_and_read(kept, command)
    except ConnectionError:
        if not was_in_use:
            raise
    return _send_and_read(kept, command)  # Redis closed the old connection meanwhile


def _send_and_read(kept: _Kept, command: Sequence[Value]) -> Any:
    try:
        kept.connection.send_command(*command)
        answer = kept.connection.read_response()
    except ResponseError:
        raise
    except BaseException:
        kept.connection.disconnect()  # else the next one would read this one's answer
        kept.is_in_use = False
        raise
    kept.is_in_use = True
    return answer


def _connection(server: str) -> _Kept:
    """This thread's."""
    pool = redis_client(server).connection_pool
    by_server: dict[str, _Kept] = vars(_kept)
    kept = by_server.get(server)
    if kept is None or kept.pool is not pool:
        kept = by_server[server] = _Kept(pool, pool.connection_class(**pool.connection_kwargs))
    return kept
