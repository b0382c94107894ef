"""The errors that services raise, by meaning.

Each protocol translates them in one module: HTTP in `common.http.exceptions`, gRPC in
`grpc_services.errors`, and events, where an outage is a retry and any other error a dead letter, in
`messaging.worker`. Other code catches them to answer without a service that is down, to show the
message on an HTML page, or to skip an object that is gone.
"""

from collections.abc import Mapping, Sequence

import redis.exceptions
from django.db import InterfaceError, OperationalError

FieldErrors = Mapping[str, Sequence[str]]


class ServiceError(Exception):
    """The client sees `message` and `fields`, so they hold no internals."""

    code = "error"

    def __init__(self, message: str, *, fields: FieldErrors | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields: dict[str, list[str]] = {k: list(v) for k, v in (fields or {}).items()}


class Malformed(ServiceError):
    """An input is unreadable, of the wrong type, missing, unknown or out of range."""

    code = "bad_request"


class Invalid(ServiceError):
    """An input of the right type is refused."""

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
    """The same request may succeed after `retry_after` seconds."""

    code = "too_many_requests"

    def __init__(
        self, message: str, *, fields: FieldErrors | None = None, retry_after: int = 1
    ) -> None:
        super().__init__(message, fields=fields)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """A dependency is down: the same request may succeed later."""

    code = "unavailable"


# Errors of the drivers while a server is down, or refuses writes because it is full or a replica. A
# deadlock counts, too: the statement can be retried.
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
