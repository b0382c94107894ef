"""Channels: over the network, or to a servicer in this process.

A channel is below the generated stub, so the same client and servicer work with both kinds. Both
serialize messages, so code that works in one process works between two.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from time import perf_counter
from typing import Any, TypeAlias, cast

import grpc
from django.conf import settings
from django.utils.module_loading import import_string

from common.observability import tracing
from common.observability.logs import REQUEST_ID_HEADER, request_id
from common.observability.metrics import rpc_calls
from grpc_services import credentials
from grpc_services.errors import DOWN, to_status
from grpc_services.servers import MAX_MESSAGE_BYTES, NAMES, add_servicer, split_path

# Every call may be retried: reads change nothing, and IncrementTweets has an idempotency key.
_SERVICE_CONFIG = {
    # If a target has several addresses, calls survive the loss of a server.
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
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),  # 30,000 by default; pods come and go
]

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

# Our servicers raise their errors and do not use the context.
NO_CONTEXT: Any = None


def network_channel(service: str, *, target: str) -> grpc.Channel:
    tls = credentials.channel_credentials()
    if tls is None:
        return grpc.insecure_channel(target, options=_OPTIONS)
    return grpc.secure_channel(target, tls, options=_OPTIONS)


class InProcessChannel:
    """The server of the generated `add_…_to_server` and the channel of the generated stub."""

    def __init__(self, service: str) -> None:
        self.handlers: dict[str, MethodHandler] = {}  # by path
        add_servicer(service, self)

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        pass  # the same handlers come through add_registered_method_handlers

    def add_registered_method_handlers(
        self, service_name: str, handlers: Mapping[str, MethodHandler]
    ) -> None:
        self.handlers.update(
            {f"/{service_name}/{name}": handler for name, handler in handlers.items()}
        )

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool = False,
    ) -> Callable[..., Any]:
        handler = self.handlers[method]
        respond, deserialize, serialize = (
            handler.unary_unary,
            handler.request_deserializer,
            handler.response_serializer,
        )
        assert respond is not None
        assert deserialize is not None
        assert serialize is not None

        def call(request: Any, timeout: float | None = None, metadata: Any = None) -> Any:
            received = deserialize(request_serializer(request))
            try:
                response = respond(received, NO_CONTEXT)
            except Exception as error:
                raise InProcessError(*to_status(error, method)) from error
            return response_deserializer(serialize(response))

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
    """The process's channel to the service, built by the first call, which is after any fork."""
    options = {name.lower(): value for name, value in settings.GRPC_CHANNELS[service].items()}
    built: grpc.Channel = import_string(options.pop("backend"))(service, **options)
    return cast(grpc.Channel, _Instrumented(built)) if settings.INSTRUMENT_CALLS else built


def _metadata() -> list[tuple[str, str]]:
    """The ids of the request and the trace that a call belongs to."""
    pairs = ((REQUEST_ID_HEADER, request_id()), (tracing.HEADER, tracing.traceparent()))
    return [(key, value) for key, value in pairs if value]


class _Instrumented:
    """A channel of either kind that measures its calls and passes on the trace."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def unary_unary(self, path: str, *arguments: Any, **options: Any) -> Callable[..., Any]:
        send = self._channel.unary_unary(path, *arguments, **options)
        service, method = split_path(path)
        name = f"{service}/{method}"

        def call(request: Any, timeout: float | None = None, metadata: Any = None) -> Any:
            started = perf_counter()
            code = grpc.StatusCode.OK
            try:
                with tracing.span(name, "client"):
                    return send(
                        request, timeout=timeout, metadata=[*(metadata or ()), *_metadata()]
                    )
            except grpc.RpcError as error:
                code = error.code()
                raise
            finally:
                rpc_calls(service, method, code.name).observe(perf_counter() - started)

        return call
