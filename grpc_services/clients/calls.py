"""One way to ask: with a deadline, outside of any transaction, raising what the server raised."""

from functools import cache
from typing import Any, TypeVar

import grpc
from django.conf import settings
from django.db import connections

from common.breakers import Breaker
from common.db import in_transaction
from grpc_services import credentials
from grpc_services.errors import raise_meaning

Answer = TypeVar("Answer")

MAX_IDS = 1000


def call(method: "grpc.UnaryUnaryMultiCallable[Any, Answer]", request: Any, service: str) -> Answer:
    """Raises `common.errors.Unavailable` when the service is down or doesn't answer in time."""
    if any(in_transaction(using) for using in connections):
        raise RuntimeError(f"{service} is asked inside a transaction: ask first, then write")
    try:
        with breaker(service).guard():
            return method(
                request,
                timeout=settings.GRPC_DEADLINE_SECONDS,
                metadata=credentials.metadata(service),
            )
    except grpc.RpcError as error:
        raise_meaning(error, service)


@cache
def breaker(service: str) -> Breaker:
    """A service that refuses is asked each time: that costs nothing, and tells when it is back."""
    return Breaker(service, _hung)


def _hung(_: type[BaseException], error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
