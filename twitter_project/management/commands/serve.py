import argparse
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.module_loading import import_string
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from common import command_options as types
from common.addresses import is_loopback
from common.observability import monitor
from twitter_project import demo, embedded_database, lifecycle, request_bodies

_KILL_AFTER_SECONDS = 15
# Request line and headers together: more is answered 431 without reading on.
_MOST_HEADER_BYTES = 32 * 1024
_APPLICATION = "twitter_project.wsgi.application"
_ENDING = (signal.SIGTERM, signal.SIGINT)


class Command(BaseCommand):
    help = (
        "Serves HTTP until SIGTERM or Ctrl-C. On the embedded database it migrates and seeds "
        "first; on any other only if told."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        default = settings.EMBEDDED_DATABASE
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address or name to listen on (127.0.0.1)"
        )
        parser.add_argument(
            "--port",
            type=types.port,
            default=settings.PORT,
            help="the port to listen on (PORT, or 8000)",
        )
        parser.add_argument(
            "--workers", type=types.count, default=1, help="how many processes answer (1)"
        )
        parser.add_argument(
            "--threads", type=types.count, default=4, help="threads in each process (4)"
        )
        parser.add_argument(
            "--drain",
            type=types.seconds,
            default=0.0,
            metavar="SECONDS",
            help="after SIGTERM, how long /ready says 503 before requests are turned away (0)",
        )
        for name, text in (("migrate", "migrate first"), ("seed", "fill in demo data, once")):
            parser.add_argument(
                f"--{name}", action=argparse.BooleanOptionalAction, default=default, help=text
            )

    def execute(self, *args: Any, **options: Any) -> str | None:
        with monitor.share_metrics():  # before the system checks import everything
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = _resolve(options["host"]), options["port"]
        if options["workers"] > 1 and (settings.LOOPS or not settings.REDIS_URL):
            raise CommandError("embedded parts live in one process: set their URLs, or --workers 1")
        port = _free_port(host, port)
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if settings.EMBEDDED_DATABASE:
            embedded_database.claim(address)
        if options["migrate"]:
            embedded_database.migrate()
        is_public = not is_loopback(urlsplit(address).netloc)
        if options["seed"]:
            embedded_database.seed(is_public=is_public)
        if is_public:
            demo.refuse_known_admin()
        connections.close_all()
        request_bodies.leave_one_free(options["threads"])

        server = _Server(
            _APPLICATION,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=options["workers"],
            blocking_threads=options["threads"],
            workers_kill_timeout=_KILL_AFTER_SECONDS,
            log_level=LogLevels.warning,
            http1_settings=HTTP1Settings(max_buffer_size=_MOST_HEADER_BYTES),
        )
        server.drain_seconds = options["drain"]
        server.on_listening = partial(self._say_how_to_try, address, is_seeded=options["seed"])
        monitor.start(_ready, *(["messaging.backlog.Backlog"] if settings.LOOPS else []))
        server.serve(target_loader=_load, wrap_loader=False)

    def _say_how_to_try(self, address: str, *, is_seeded: bool) -> None:
        lines = [f"Serving on {address} (the API: {address}/docs). Ctrl-C stops."]
        if is_seeded:
            lines += [
                "Sign in as alice: e-mail alice@example.com, password password; bob and carol too.",
                "Try this line:",
                f"  curl -s {address}/users/login -H 'Content-Type: application/json' "
                """-d '{"email": "alice@example.com", "password": "password"}'""",
            ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


class _Server(MPServer):
    drain_seconds = 0.0
    on_listening: Callable[[], None]

    def startup(self, *args: Any, **kwargs: Any) -> None:
        """Ends when the workers are forked, which is long before they listen.

        A worker is born with this process's handlers, which do nothing there: a signal waits until
        `_load` has put an end to that.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            super().startup(*args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        threading.Thread(target=self._wait_for_listening, daemon=True).start()

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        lifecycle.mark_stopping()
        end = super().signal_handler_interrupt
        threading.Timer(self.drain_seconds, end).start()

    def _wait_for_listening(self) -> None:
        while not self.main_loop_interrupt.wait(0.05):
            try:
                socket.create_connection((self.bind_addr, self.bind_port), timeout=1).close()
            except OSError:
                continue
            self.on_listening()
            return


def _load() -> Callable[..., Any]:
    """The application, in a worker, which has nothing to finish before it serves.

    The import takes seconds, on a busy machine many; granian listens for signals only after it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # Ctrl-C is for the server alone
    application: Callable[..., Any] = import_string(_APPLICATION)
    return application


def _ready() -> dict[str, bool]:
    from twitter_project import probes  # declares metrics, which must wait: share_metrics

    return {**probes.ask(probes.databases()), "server": not lifecycle.is_stopping()}


def _resolve(host: str) -> str:
    """An address of the host, which granian takes in place of a name; of IPv4 if there is one."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CommandError(f"--host: {host!r} is neither an address nor a known name") from None
    addresses = [str(address[0]) for *_, address in found]
    return next((address for address in addresses if ":" not in address), addresses[0])


def _free_port(host: str, port: int) -> int:
    """The port itself, for 0 one that the kernel chooses. Asked before anything is done in vain."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            free: int = probe.getsockname()[1]
        except OSError as error:
            raise CommandError(
                f"can't listen on {host}:{port} ({error.strerror}): "
                f"choose another with --port, or PORT={port + 1} make run"
            ) from None
    return free
