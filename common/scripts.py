"""Lua scripts in Redis, called below redis-py's command layer.

On the way of a request redis-py's pool, retries and callbacks cost more than the script. So each
thread keeps a connection, which redis-py opens, and what it does with it is to send and to read.
"""

import hashlib
import os
import threading
from collections.abc import Sequence
from typing import Any

from django_redis import get_redis_connection
from redis.exceptions import ConnectionError, NoScriptError, ResponseError

from common import tracing

Value = str | bytes | int

_kept = threading.local()
os.register_at_fork(after_in_child=lambda: vars(_kept).clear())


class Script:
    """Redis may have run it before a connection broke, and is asked again: it must not mind."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[Value] = (), args: Sequence[Value] = ()) -> Any:
        operands = (len(keys), *keys, *args)
        with tracing.span("redis EVALSHA", "client"):
            try:
                return _ask("EVALSHA", self.sha, *operands)
            except NoScriptError:  # Redis was restarted
                return _ask("EVAL", self.source, *operands)


def _ask(*command: Value) -> Any:
    connection, was_in_use = _connection()
    try:
        return _send_and_read(connection, command)
    except ConnectionError:
        if not was_in_use:
            raise
    return _send_and_read(connection, command)  # Redis closed the old connection meanwhile


def _send_and_read(connection: Any, command: Sequence[Value]) -> Any:
    try:
        connection.send_command(*command)
        answer = connection.read_response()
    except ResponseError:
        raise
    except BaseException:
        connection.disconnect()  # else the next one would read this one's answer
        _kept.is_in_use = False
        raise
    _kept.is_in_use = True
    return answer


def _connection() -> tuple[Any, bool]:
    """This thread's, and whether it has answered before."""
    pool = get_redis_connection().connection_pool
    if getattr(_kept, "pool", None) is not pool:
        _kept.connection = pool.connection_class(**pool.connection_kwargs)
        _kept.pool, _kept.is_in_use = pool, False
    return _kept.connection, _kept.is_in_use
