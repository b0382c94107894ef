"""gRPC servers, and the registration of servicers."""

from collections.abc import Callable
from concurrent import futures
from time import perf_counter
from typing import Any, TypeAlias

import grpc
from django.conf import settings
from django.db import close_old_connections, connections
from django.utils.module_loading import import_string
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from common.db import alias
from common.errors import OUTAGES
from common.observability import tracing
from common.observability.logs import REQUEST_ID_HEADER, log_context
from common.observability.metrics import rpc_answers
from grpc_services import credentials
from grpc_services.errors import to_status
from grpc_services.generated import tweet_service_pb2, user_service_pb2
from grpc_services.generated.tweet_service_pb2_grpc import add_TweetServicer_to_server
from grpc_services.generated.user_service_pb2_grpc import add_UserServicer_to_server

THREADS = 16
# Running and queued calls; further ones are refused at once (RESOURCE_EXHAUSTED).
MAX_CALLS = 256
# Room for 5,000 tweets of 280 characters of four bytes.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

_GRACE_SECONDS = 10.0

_ADD: dict[str, Callable[[Any, Any], None]] = {
    "accounts": add_UserServicer_to_server,
    "tweets": add_TweetServicer_to_server,
}
NAMES = {
    "accounts": user_service_pb2.DESCRIPTOR.services_by_name["User"].full_name,
    "tweets": tweet_service_pb2.DESCRIPTOR.services_by_name["Tweet"].full_name,
}


def add_servicer(service: str, server: Any) -> None:
    """Registers the service's servicer, named in settings, with a server or in-process channel."""
    _ADD[service](import_string(settings.GRPC_SERVICERS[service])(), server)


class Server:
    """One service with health checking and reflection, listening on `address`.

    Port 0 chooses a free port, see `port`. Raises RuntimeError if the port is taken, and
    `credentials.Exposed` if other machines could reach a server without credentials.
    """

    def __init__(self, service: str, address: str) -> None:
        self._service = service
        credentials.check_exposure(address)
        self._health = health.HealthServicer()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(THREADS, thread_name_prefix=service),
            interceptors=[_Authentication(service), _Handling()],
            maximum_concurrent_rpcs=MAX_CALLS,
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ],
        )
        add_servicer(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (NAMES[service], health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        self._health.set(NAMES[service], health_pb2.HealthCheckResponse.SERVING)
        tls = credentials.server_credentials()
        if tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, tls)

    def start(self) -> None:
        self._server.start()

    def ready(self) -> dict[str, bool]:
        """The parts that the server needs, and whether each is up."""
        return {"database": _is_up(alias(self._service))}

    def stop(self) -> None:
        """Refuses new calls, and returns after calls in progress are answered."""
        self._health.enter_graceful_shutdown()
        self._server.stop(_GRACE_SECONDS).wait()


def split_path(path: str) -> tuple[str, str]:
    """The service and the method in a call's path."""
    _, service, method = path.split("/")
    return service, method


def _metadata(context: grpc.ServicerContext) -> dict[str, str]:
    return {key: str(value) for key, value in context.invocation_metadata() or ()}


def _is_up(using: str) -> bool:
    connection = connections[using]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OUTAGES:
        return False
    finally:
        connection.close()
    return True


Continuation: TypeAlias = (
    "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]"
)


class _Authentication(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Requires a token if there are keys, except for health checks."""

    def __init__(self, service: str) -> None:
        self._service = service

    def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        if not settings.GRPC_TOKEN_KEYS or details.method.startswith(credentials.OPEN):
            return continuation(details)
        sent = dict(details.invocation_metadata).get("authorization", "")
        if isinstance(sent, str) and credentials.is_authenticated(self._service, sent):
            return continuation(details)
        return _REFUSAL


def _refuse(_: Any, context: grpc.ServicerContext) -> Any:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "the service token is missing or invalid")


# Stream to stream is the kind that refuses before it reads a message.
_REFUSAL: "grpc.RpcMethodHandler[Any, Any]" = grpc.stream_stream_rpc_method_handler(_refuse)


class _Handling(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Translates a servicer's errors, measures the call, and closes broken database connections."""

    def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        if details.method.startswith(credentials.OPEN):  # probes are neither logged nor measured
            return handler
        respond, deserialize = handler.unary_unary, handler.request_deserializer
        assert deserialize is not None
        service, method = split_path(details.method)
        name = f"{service}/{method}"

        def call(body: bytes, context: grpc.ServicerContext) -> Any:
            metadata = _metadata(context)
            with log_context(metadata.get(REQUEST_ID_HEADER, "")):
                return handle(body, context, metadata.get(tracing.HEADER))

        def handle(body: bytes, context: grpc.ServicerContext, parent: str | None) -> Any:
            started = perf_counter()
            code = grpc.StatusCode.OK
            close_old_connections()
            try:
                with tracing.span(name, "server", parent=parent):
                    return respond(deserialize(body), context)
            except DecodeError:  # gRPC itself would answer INTERNAL
                code = grpc.StatusCode.INVALID_ARGUMENT
                context.abort(code, "the message is malformed")
            except Exception as error:
                code, message = to_status(error, details.method)
                context.abort(code, message)
            finally:
                rpc_answers(service, method, code.name).observe(perf_counter() - started)
                close_old_connections()

        return grpc.unary_unary_rpc_method_handler(call, None, handler.response_serializer)
