"""Several shards for tests: databases of the one Redis server."""

import re
from typing import Any

from django.conf import settings
from django.test import override_settings

from common.ids import new_id
from common.redis import shards
from common.redis.client import redis_client
from common.redis.connection import Connection

MAX_SHARDS = 3
# From here on, nothing else uses the databases.
_FIRST_DATABASE = 13


def distributed(count: int) -> Any:
    """Settings with this many shards; 1 changes nothing."""
    if count == 1:
        return override_settings()
    caches = _caches()
    return override_settings(CACHES=settings.CACHES | caches, FEED_SHARDS=list(caches)[:count])


def flush() -> None:
    """Empties all shards."""
    with distributed(MAX_SHARDS):
        for shard in shards.names():
            redis_client(shard).flushdb()


def id_on(shard: str) -> int:
    """An id for a user whose shard is this one."""
    while shards.of(id := new_id()) != shard:
        pass
    return id


def _caches() -> dict[str, dict[str, Any]]:
    default = settings.CACHES["default"]
    return {f"feed{number}": default | {"LOCATION": _url(number)} for number in range(MAX_SHARDS)}


def _url(number: int) -> str:
    if not settings.REDIS_URL:  # embedded: one server for the process
        return f"redis://feed{number}/{_FIRST_DATABASE + number}"
    return re.sub(r"/\d+$", f"/{_FIRST_DATABASE + number}", settings.REDIS_URL)


def without(shard: str) -> Any:
    """Settings in which this shard refuses connections."""
    nowhere = {
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"CONNECTION_POOL_KWARGS": {"connection_class": Connection}},
    }
    caches = settings.CACHES | {shard: settings.CACHES[shard] | nowhere}
    return override_settings(CACHES=caches)
