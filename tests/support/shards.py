"""Servers for distributed timelines: databases of the tests' one server."""

import re
from typing import Any

from django.conf import settings
from django.test import override_settings

from common.ids import new_id
from common.redis import shards
from common.redis.client import redis_client
from common.redis.connection import Connection

MOST = 3
# Databases of the tests' Redis that nothing else uses.
_FIRST_DATABASE = 13


def distributed(count: int) -> Any:
    """Settings under which timelines are distributed to so many servers; with 1 as ever."""
    if count == 1:
        return override_settings()
    caches = _caches()
    return override_settings(CACHES=settings.CACHES | caches, FEED_SHARDS=list(caches)[:count])


def flush() -> None:
    """Empties all of them."""
    with distributed(MOST):
        for shard in shards.names():
            redis_client(shard).flushdb()


def id_on(shard: str) -> int:
    """For a user whose timeline is to be there."""
    while shards.of(id := new_id()) != shard:
        pass
    return id


def _caches() -> dict[str, dict[str, Any]]:
    default = settings.CACHES["default"]
    return {f"feed{number}": default | {"LOCATION": _place(number)} for number in range(MOST)}


def _place(number: int) -> str:
    if not settings.REDIS_URL:  # a process has one embedded server
        return f"redis://feed{number}/{_FIRST_DATABASE + number}"
    return re.sub(r"/\d+$", f"/{_FIRST_DATABASE + number}", settings.REDIS_URL)


def without(shard: str) -> Any:
    """Settings under which nobody listens where this one was."""
    nowhere = {
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"CONNECTION_POOL_KWARGS": {"connection_class": Connection}},
    }
    caches = settings.CACHES | {shard: settings.CACHES[shard] | nowhere}
    return override_settings(CACHES=caches)
