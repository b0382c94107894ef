"""Connections to Redis servers, which aren't tried for a moment after they have hung."""

import re
from functools import cache
from typing import Any

import redis

from common.breakers import Breaker
from common.errors import Unavailable

# What a Redis answers that takes no writes for now, or nothing at all: its disk is full, its
# replicas are gone, it is a replica itself, a script runs. Inside a script Redis 6 puts its own
# words before it. The client's library knows some of them, and only as the first word.
_REFUSALS = re.compile(r"(^|-)(MISCONF|NOREPLICAS|MASTERDOWN|BUSY|READONLY|OOM)\b")


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

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)
        except redis.ResponseError as error:
            if _REFUSALS.search(str(error)):
                raise redis.exceptions.ReadOnlyError(str(error)) from error
            raise


class SecureConnection(Connection, redis.SSLConnection):
    """The same over TLS."""
