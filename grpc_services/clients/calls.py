"""Every call: it has a deadline, is refused in a transaction, and raises `common.errors`."""

from functools import cache
from typing import Any, TypeVar

import grpc
from django.conf import settings
from django.db import connections

from common.breakers import Breaker
from common.db import in_transaction
from grpc_services import credentials
from grpc_services.errors import raise_translated

Answer = TypeVar("Answer")

MAX_IDS = 1000


def call(method: "grpc.UnaryUnaryMultiCallable[Any, Answer]", request: Any, service: str) -> Answer:
    """Raises `common.errors.Unavailable` when the service is down or doesn't answer in time."""
    if any(in_transaction(using) for using in connections):
        raise RuntimeError(f"{service} was called inside a transaction: call it before `atomic`")
    try:
        with breaker(service).guard():
            return method(
                request,
                timeout=settings.GRPC_DEADLINE_SECONDS,
                metadata=credentials.metadata(service),
            )
    except grpc.RpcError as error:
        raise_translated(error, service)


@cache
def breaker(service: str) -> Breaker:
    """Opens on timeouts only. A refused connection costs no time, so each call tries again."""
    return Breaker(service, _timed_out)


def _timed_out(_: type[BaseException], error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
