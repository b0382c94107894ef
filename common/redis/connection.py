"""Connections that stop trying a Redis server for a few seconds after it has hung."""

import re
from functools import cache
from typing import Any

import redis

from common.breakers import Breaker
from common.errors import Unavailable

# Replies of a server that takes no writes for now: its disk is full, its replicas are gone, it is a
# replica itself, or a script is running. Inside a script, Redis 6 puts its own words before the
# code. redis-py recognises some of the codes, and only as the first word.
_REFUSALS = re.compile(r"(^|-)(MISCONF|NOREPLICAS|MASTERDOWN|BUSY|READONLY|OOM)\b")


@cache
def breaker(host: str, port: int) -> Breaker:
    """The circuit breaker of one server."""
    return Breaker("Redis", lambda kind, _: issubclass(kind, redis.TimeoutError))


class Connection(redis.Connection):
    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """Connects through the breaker. A hung server may accept a connection and not answer it."""
        if self.is_connected:
            return
        try:
            with breaker(self.host, self.port).guard():
                super().connect_check_health(*args, **kwargs)
        except Unavailable as error:
            raise redis.ConnectionError(error.message) from None

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Raises `ReadOnlyError`, which counts as an outage, for every reply in `_REFUSALS`."""
        try:
            return super().read_response(*args, **kwargs)
        except redis.ResponseError as error:
            if _REFUSALS.search(str(error)):
                raise redis.exceptions.ReadOnlyError(str(error)) from error
            raise


class SecureConnection(Connection, redis.SSLConnection):
    """A `Connection` over TLS."""
