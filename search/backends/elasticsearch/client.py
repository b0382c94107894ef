"""The names of the indexes, and the meaning of the client's errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from elasticsearch import ApiError, ConnectionTimeout, TransportError

from common.breakers import Breaker
from common.errors import Unavailable

# A concrete index until the first rebuild, then an alias.
NAME: str = settings.ELASTICSEARCH_INDEX
# The alias of the new index during a rebuild.
BUILDING = f"{NAME}-building"

# How long Elasticsearch keeps a snapshot for the next page.
KEEP_ALIVE = "2m"

# For searches only: workers have a backoff of their own.
BREAKER = Breaker("the search index", lambda kind, _: issubclass(kind, ConnectionTimeout))

log = logging.getLogger(__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Raises `Unavailable` for errors of the connection and for refused requests."""
    try:
        yield
    except TransportError as error:
        raise Unavailable("the search index is down") from error
    except ApiError as error:
        log.warning("Elasticsearch refuses: %s %s", error.status_code, error.error)
        raise Unavailable("the search index can't be used now") from error
