"""A process's monitoring port: `/health`, `/ready` and `/metrics`.

`MONITOR_LISTEN` turns it on. A bare port number listens on loopback.
"""

import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.core.management.base import CommandError
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Ready = Callable[[], Mapping[str, bool]]

log = logging.getLogger(__name__)


def start(ready: Ready, *collectors: str) -> str | None:
    """Serves the monitoring port from a thread, if `MONITOR_LISTEN` is set. Returns its address.

    `ready` tells by name which of the parts that this process needs are up. `collectors` are the
    dotted paths of Prometheus collectors, which measure at each scrape.
    """
    if not settings.MONITOR_LISTEN:
        return None
    from socketserver import TCPServer
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app

    host, port = _parse_address(settings.MONITOR_LISTEN)

    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def server_bind(self) -> None:
            """Binds like WSGIServer, without a DNS lookup of this machine's name."""
            TCPServer.server_bind(self)
            self.server_name, self.server_port = host, self.server_address[1]
            self.setup_environ()

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    registry = _registry()
    for path in collectors:
        registry.register(import_string(path)())
    application = _Application(make_wsgi_app(registry), ready)
    try:
        server = make_server(host, port, application, Server, Quiet)
    except OSError as error:
        raise CommandError(
            f"MONITOR_LISTEN: can't listen on {settings.MONITOR_LISTEN} ({error.strerror})"
        ) from None
    threading.Thread(target=server.serve_forever, name="monitor", daemon=True).start()
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{server.server_port}"
    log.info("health, readiness and metrics on %s", address)
    return address


@contextmanager
def share_metrics() -> Iterator[None]:
    """Processes that are forked in the block count into one folder, which `/metrics` reads.

    prometheus_client decides this at import, so a process that has imported it counts separately.
    """
    if not settings.MONITOR_LISTEN or "prometheus_client" in sys.modules:
        yield
        return
    folder = tempfile.mkdtemp(prefix="microblog-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # noqa: TID251 its only switch
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _registry() -> "CollectorRegistry":
    from prometheus_client import REGISTRY, CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # noqa: TID251 as above
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class _Application:
    def __init__(self, metrics: Callable[..., Iterable[bytes]], ready: Ready) -> None:
        self._metrics = metrics
        self._ready = ready

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return self._metrics(environ, start_response)
        if path == "/health":
            return _answer(start_response, "200 OK", {"status": "ok"})
        if path == "/ready":
            return self._answer_ready(start_response)
        return _answer(start_response, "404 Not Found", {"status": "not found"})

    def _answer_ready(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        parts = self._ready()
        is_ready = all(parts.values())
        return _answer(
            start_response,
            "200 OK" if is_ready else "503 Service Unavailable",
            {
                "status": "ok" if is_ready else "down",
                "parts": {name: "ok" if is_up else "down" for name, is_up in parts.items()},
            },
        )


def _answer(
    start_response: Callable[..., Any], status: str, content: Mapping[str, Any]
) -> Iterable[bytes]:
    body = orjson.dumps(content)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def _parse_address(listen: str) -> tuple[str, int]:
    """Parses `HOST:PORT` or a bare port, which means loopback."""
    try:
        parts = urlsplit(f"//{'127.0.0.1:' * listen.isdigit()}{listen}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        raise CommandError(f"MONITOR_LISTEN: {listen!r} must be a port or HOST:PORT")
    return host, port
