"""Translates `common.errors` to gRPC status codes and back."""

import logging
from typing import NoReturn

import grpc

from common import errors

log = logging.getLogger(__name__)

_STATUS: dict[type[errors.ServiceError], grpc.StatusCode] = {
    errors.Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Invalid: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.Conflict: grpc.StatusCode.ALREADY_EXISTS,
    errors.TooMany: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
}
_ERRORS = {status: error for error, status in _STATUS.items()}

# The server is up but can't answer in time.
_OVERLOADED = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}

# We never cancel calls, so CANCELLED means that the server is shutting down.
DOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def to_status(error: Exception, method: str) -> tuple[grpc.StatusCode, str]:
    """The status and details of an answer. Details of an unexpected error go to the log only."""
    if isinstance(error, errors.ServiceError):
        return _STATUS[type(error)], error.message
    if isinstance(error, errors.OUTAGES):
        log.warning("%s: a dependency is down: %s", method, error)
        return grpc.StatusCode.UNAVAILABLE, "a dependency is down"
    log.exception("%s failed", method, exc_info=error)
    return grpc.StatusCode.INTERNAL, "something went wrong here"


def raise_translated(error: grpc.RpcError, service: str) -> NoReturn:
    """Raises the error of `common.errors` that the server raised."""
    status, details = error.code(), error.details()
    if status in _OVERLOADED:
        raise errors.Unavailable(f"{service} does not answer in time") from error
    if status in DOWN:
        raise errors.Unavailable(f"{service} is down") from error
    if status is grpc.StatusCode.UNAUTHENTICATED:
        # the token of this process was refused, so the user can't fix it by signing in again
        log.error("%s refuses this process's token: compare GRPC_TOKEN_KEYS of both", service)
        raise errors.Unavailable(f"{service} refuses this process's token") from error
    if status is grpc.StatusCode.UNIMPLEMENTED:
        # during an upgrade; a retry may reach a server of the new version
        log.error("%s lacks an RPC, because it runs an older version", service)
        raise errors.Unavailable(f"{service} runs an older version") from error
    if translated := _ERRORS.get(status):
        raise translated(details or status.name) from error
    raise RuntimeError(f"{service} failed: {status.name} {details}") from error
