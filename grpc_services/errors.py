"""The second table of `common.errors`: meaning to gRPC status, and back."""

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
_MEANING = {status: meaning for meaning, status in _STATUS.items()}

# The server is there, and still can't answer now.
_OUTAGES = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}

# Nobody here takes back a question: it is a server that is leaving and answers it no more.
DOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def to_status(error: Exception, method: str) -> tuple[grpc.StatusCode, str]:
    """What a server answers for `error`. An unexpected one is logged and kept to ourselves."""
    if isinstance(error, errors.ServiceError):
        return _STATUS[type(error)], error.message
    if isinstance(error, errors.OUTAGES):
        log.warning("%s: a dependency is down: %s", method, error)
        return grpc.StatusCode.UNAVAILABLE, "a dependency is down"
    log.exception("%s failed", method, exc_info=error)
    return grpc.StatusCode.INTERNAL, "something went wrong here"


def raise_meaning(error: grpc.RpcError, service: str) -> NoReturn:
    """Raises in the caller what the server raised."""
    status, details = error.code(), error.details()
    if status in _OUTAGES:
        raise errors.Unavailable(f"{service} does not answer in time") from error
    if status in DOWN:
        raise errors.Unavailable(f"{service} is down") from error
    if status is grpc.StatusCode.UNAUTHENTICATED:
        # this process, not the user that it works for: no news for a client, who may try again
        log.error("%s does not know this process: do both have the same GRPC_TOKEN_KEYS?", service)
        raise errors.Unavailable(f"{service} does not know this process") from error
    if status is grpc.StatusCode.UNIMPLEMENTED:
        # during an upgrade: a retry reaches a server of the new version
        log.error("%s does not know an RPC: it runs an older version", service)
        raise errors.Unavailable(f"{service} runs an older version") from error
    if meaning := _MEANING.get(status):
        raise meaning(details or status.name) from error
    raise RuntimeError(f"{service} failed: {status.name} {details}") from error
