"""Connections to Redis that aren't tried for a moment after Redis has hung."""

from typing import Any

import redis

from common.breakers import Breaker
from common.errors import Unavailable

BREAKER = Breaker("Redis", lambda kind, _: issubclass(kind, redis.TimeoutError))


class Connection(redis.Connection):
    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """A hung Redis that accepts connections does not get past the first words either."""
        if self._sock:
            return
        try:
            with BREAKER.guard():
                super().connect_check_health(*args, **kwargs)
        except Unavailable as error:
            raise redis.ConnectionError(error.message) from None


class SecureConnection(Connection, redis.SSLConnection):
    """The same over TLS."""
