"""Connections to Redis servers, which aren't tried for a moment after they have hung."""

from functools import cache
from typing import Any

import redis

from common.breakers import Breaker
from common.errors import Unavailable


@cache
def breaker(host: str, port: int) -> Breaker:
    """Of one server: the others are asked all the same."""
    return Breaker("Redis", lambda kind, _: issubclass(kind, redis.TimeoutError))


class Connection(redis.Connection):
    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """A hung Redis that accepts connections does not get past the first words either."""
        if self._sock:
            return
        try:
            with breaker(self.host, self.port).guard():
                super().connect_check_health(*args, **kwargs)
        except Unavailable as error:
            raise redis.ConnectionError(error.message) from None


class SecureConnection(Connection, redis.SSLConnection):
    """The same over TLS."""
