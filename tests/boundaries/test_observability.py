"""Metrics and traces: not imported while off, exported while on."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from deploy.local.conditions import wait_until
from tests.support.commands import run
from tests.support.serving import start

_PRINT_LOADED = """
import sys
import twitter_project.wsgi
from django.test import Client
assert Client().get("/docs", HTTP_HOST="localhost").status_code == 200
ours = ("prometheus_client", "common.observability.otel", "opentelemetry.exporter")
print([name for name in ours if name in sys.modules])
"""


def test_metrics_and_tracing_are_not_imported_while_off(tmp_path: Path) -> None:
    """Checks our own imports only: redis-py imports OpenTelemetry's API itself."""
    answer = run("-c", _PRINT_LOADED, environment={"DATA_DIR": str(tmp_path), "MONITOR_LISTEN": ""})

    assert answer.stdout.splitlines()[-1] == "[]", answer.stderr


@pytest.mark.slow
def test_a_server_exports_its_spans_by_otlp(tmp_path: Path) -> None:
    received: list[str] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    received.extend(span.name for span in scope.spans)
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        server = start(
            "serve",
            tmp_path,
            "--no-seed",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        try:
            server.wait_until_it_answers()
            httpx.get(f"{server.address}/users/nobody")
            wait_until(lambda: "GET /users/<str:name>" in received)
        finally:
            server.process.terminate()
            collector.shutdown()
        assert server.process.wait() == 0
