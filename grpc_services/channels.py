"""Where a client's questions go: over the network, or to a servicer in this process.

A channel stands below the generated stub, so one client and one servicer serve both. Messages cross
as bytes in both, too: what works in one process works between two.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from time import perf_counter
from typing import Any, cast

import grpc
from django.conf import settings
from django.utils.module_loading import import_string

from common.observability import tracing
from common.observability.logs import REQUEST_ID_HEADER, request_id
from common.observability.metrics import rpc_calls
from grpc_services import credentials
from grpc_services.errors import DOWN, to_status
from grpc_services.servers import MAX_MESSAGE_BYTES, NAMES, add_servicer, names

# Every call of ours may be made twice: reads change nothing and IncrementTweets carries a key.
_SERVICE_CONFIG = {
    # Where a target has several addresses, a server that leaves costs no call.
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": name} for name in NAMES.values()],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": [code.name for code in DOWN],
            },
        }
    ],
}


_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),  # of 30,000: pods come and go
]

# A servicer of ours raises its errors and asks its context for nothing.
NO_CONTEXT: Any = None


def network_channel(service: str, *, target: str) -> grpc.Channel:
    secret = credentials.channel_credentials()
    if secret is None:
        return grpc.insecure_channel(target, options=_OPTIONS)
    return grpc.secure_channel(target, secret, options=_OPTIONS)


class InProcessChannel:
    """Server to the generated `add_…_to_server`, channel to the generated stub."""

    def __init__(self, service: str) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        add_servicer(service, self)

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        pass  # the same handlers come through add_registered_method_handlers

    def add_registered_method_handlers(
        self, service_name: str, handlers: "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"
    ) -> None:
        self._handlers.update(
            {f"/{service_name}/{name}": handler for name, handler in handlers.items()}
        )

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool = False,
    ) -> Callable[..., Any]:
        handler = self._handlers[method]
        answer, read, write = (
            handler.unary_unary,
            handler.request_deserializer,
            handler.response_serializer,
        )
        assert answer is not None
        assert read is not None
        assert write is not None

        def call(request: Any, timeout: float | None = None, metadata: Any = None) -> Any:
            received = read(request_serializer(request))
            try:
                answered = answer(received, NO_CONTEXT)
            except Exception as error:
                raise InProcessError(*to_status(error, method)) from error
            return response_deserializer(write(answered))

        return call


class InProcessError(grpc.RpcError):
    def __init__(self, status: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._status = status
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str:
        return self._details


@cache
def channel(service: str) -> grpc.Channel:
    """The process's channel to the service, built at its first question (after any fork)."""
    options = {name.lower(): value for name, value in settings.GRPC_CHANNELS[service].items()}
    made: grpc.Channel = import_string(options.pop("backend"))(service, **options)
    return cast(grpc.Channel, _Watched(made)) if settings.WATCHED else made


def _metadata() -> list[tuple[str, str]]:
    """To which request and trace a question belongs."""
    told = ((REQUEST_ID_HEADER, request_id()), (tracing.HEADER, tracing.traceparent()))
    return [(key, value) for key, value in told if value]


class _Watched:
    """Counts what is asked over a channel of either kind, and hands the trace on."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def unary_unary(self, path: str, *arguments: Any, **options: Any) -> Callable[..., Any]:
        ask = self._channel.unary_unary(path, *arguments, **options)
        service, method = names(path)
        name = f"{service}/{method}"

        def call(request: Any, timeout: float | None = None, metadata: Any = None) -> Any:
            started = perf_counter()
            code = grpc.StatusCode.OK
            try:
                with tracing.span(name, "client"):
                    told = [*(metadata or ()), *_metadata()]
                    return ask(request, timeout=timeout, metadata=told)
            except grpc.RpcError as error:
                code = error.code()
                raise
            finally:
                rpc_calls(service, method, code.name).observe(perf_counter() - started)

        return call
