"""What can go wrong, by meaning.

Services raise these and nobody in between catches them. Three tables translate, once each: to HTTP
(`common.http.exceptions`), to gRPC status and back (`grpc_services.errors`), and to a retry or a
dead letter (`messaging.worker`).
"""

from collections.abc import Mapping, Sequence

import redis.exceptions
from django.db import InterfaceError, OperationalError

FieldErrors = Mapping[str, Sequence[str]]


class ServiceError(Exception):
    """`message` and `fields` are shown to the client; they never carry a detail of a failure."""

    code = "error"

    def __init__(self, message: str, *, fields: FieldErrors | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields: dict[str, list[str]] = {k: list(v) for k, v in (fields or {}).items()}


class Malformed(ServiceError):
    """Unreadable, of the wrong type, missing, unknown or out of range."""

    code = "bad_request"


class Invalid(ServiceError):
    """Of the right type, and still refused."""

    code = "invalid"


class Unauthenticated(ServiceError):
    code = "not_authenticated"


class Forbidden(ServiceError):
    code = "forbidden"


class NotFound(ServiceError):
    code = "not_found"


class Conflict(ServiceError):
    code = "conflict"


class TooMany(ServiceError):
    """Tried too often: the same request may succeed in `retry_after` seconds."""

    code = "too_many_requests"

    def __init__(
        self, message: str, *, fields: FieldErrors | None = None, retry_after: int = 1
    ) -> None:
        super().__init__(message, fields=fields)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """A dependency is down: the same request may succeed later."""

    code = "unavailable"


# What the drivers raise while a server is away, or takes no writes since it is full or a replica. A
# lost race for a lock counts, too: it may be tried again like any other.
OUTAGES = (
    OperationalError,
    InterfaceError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.MasterDownError,
)
