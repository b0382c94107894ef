import argparse
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from common.command_options import MAX_PORT, has_port
from common.observability import monitor
from common.postgresql import deadlines
from grpc_services.servers import NAMES, Server
from messaging.worker_command import stop_on_signals


class Command(BaseCommand):
    requires_system_checks = ()  # they import code that only the web needs
    help = (
        "Serves one service's gRPC calls until SIGTERM or Ctrl-C, then finishes the calls in "
        "progress. Health checking and reflection are on."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("service", choices=sorted(NAMES), help="the service to serve")
        parser.add_argument(
            "--listen",
            metavar="HOST:PORT",
            help="the address (127.0.0.1:50051 for accounts, 127.0.0.1:50052 for tweets)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        service = options["service"]
        address = options["listen"] or settings.GRPC_LISTEN[service]
        if not has_port(address):
            raise CommandError(f"{address}: must be HOST:PORT, with a port from 0 to {MAX_PORT}")
        deadlines.set_for_process(settings.DATABASE_DEADLINE_SECONDS)
        stop = stop_on_signals()
        try:
            server = Server(service, address)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        except RuntimeError:
            tls = ", or that GRPC_TLS_… names valid certificates" if settings.GRPC_TLS else ""
            raise CommandError(f"can't listen on {address}: check that it is free{tls}") from None
        server.start()
        monitor.start(lambda: {**server.ready(), "server": not stop.is_set()})
        self.stdout.write(f"serving {NAMES[service]} on {address} (port {server.port})")
        self.stdout.flush()
        stop.wait()
        server.stop()
