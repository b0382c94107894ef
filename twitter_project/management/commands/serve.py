import argparse
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.module_loading import import_string
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from common import command_options as types
from common.addresses import is_loopback
from common.observability import monitor
from twitter_project import demo, embedded_database, lifecycle, request_bodies

_KILL_AFTER_SECONDS = 15  # how long a worker may take to finish its requests
_MAX_HEADER_BYTES = 32 * 1024  # request line and headers; granian answers 431 to longer ones
_APPLICATION = "twitter_project.wsgi.application"
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_SignalHandler = Callable[[int, FrameType | None], Any]


class Command(BaseCommand):
    help = (
        "Serves HTTP until SIGTERM or Ctrl-C. On the embedded database it migrates and seeds "
        "first; on any other only with --migrate and --seed."
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
        parser.add_argument("--workers", type=types.count, default=1, help="web processes (1)")
        parser.add_argument("--threads", type=types.count, default=4, help="threads of each (4)")
        parser.add_argument(
            "--drain",
            type=types.seconds,
            default=0.0,
            metavar="SECONDS",
            help="after SIGTERM, how long /ready says 503 before the server stops (0)",
        )
        for name, text in (("migrate", "migrate first"), ("seed", "write the demo data, once")):
            parser.add_argument(
                f"--{name}", action=argparse.BooleanOptionalAction, default=default, help=text
            )

    def execute(self, *args: Any, **options: Any) -> str | None:
        with monitor.share_metrics():  # before the system checks import everything
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = _resolve(options["host"]), options["port"]
        if options["workers"] > 1 and (settings.BACKGROUND_THREADS or not settings.REDIS_URL):
            raise CommandError("embedded parts live in one process: set their URLs, or --workers 1")
        port = find_free_port(host, port)  # before migrating and seeding
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

        server = Granian(
            _APPLICATION,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=options["workers"],
            blocking_threads=options["threads"],
            workers_kill_timeout=_KILL_AFTER_SECONDS,
            log_level=LogLevels.warning,
            http1_settings=HTTP1Settings(max_buffer_size=_MAX_HEADER_BYTES),
        )
        announce = partial(self._announce, address, is_seeded=options["seed"])
        server.on_startup(partial(_drain_before_stopping, options["drain"]))
        server.on_startup(_block_stop_signals_in_forks)
        server.on_startup(partial(_call_when_listening, host, port, announce))
        monitor.start(
            _ready, *(["messaging.backlog.Backlog"] if settings.BACKGROUND_THREADS else [])
        )
        server.serve(target_loader=_load_application, wrap_loader=False)

    def _announce(self, address: str, *, is_seeded: bool) -> None:
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


# Hooks of `on_startup`: granian calls them in the main process, after it has set its signal
# handlers and before it forks its workers.


def _drain_before_stopping(seconds: float) -> None:
    """Makes /ready say 503 at SIGTERM and SIGINT, and granian stop so many seconds later."""
    for number in _STOP_SIGNALS:
        stop = signal.getsignal(number)
        assert callable(stop)

        def drain(number: int, frame: FrameType | None, stop: _SignalHandler = stop) -> None:
            lifecycle.mark_stopping()
            threading.Timer(seconds, stop, (number, frame)).start()

        signal.signal(number, drain)


def _block_stop_signals_in_forks() -> None:
    """A worker is forked with this process's handlers, which do nothing there.

    So that no signal is lost, signals stay pending in the worker until `_load_application` unblocks
    them.
    """
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS),
    )


def _call_when_listening(host: str, port: int, action: Callable[[], None]) -> None:
    """Workers listen once they have loaded the application, which takes seconds."""

    def poll() -> None:
        while not lifecycle.is_stopping():
            time.sleep(0.05)
            with _open_socket(host) as probe:
                probe.settimeout(1)
                if probe.connect_ex((host, port)) == 0:
                    action()
                    return

    threading.Thread(target=poll, daemon=True).start()


def _load_application() -> Callable[..., Any]:
    """Runs in a worker. Its import takes seconds, and granian handles signals only after it.

    Until then SIGTERM ends the worker at once: it has no requests to finish. SIGINT stays blocked:
    a terminal sends it to all processes, and the main process stops the workers.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    application: Callable[..., Any] = import_string(_APPLICATION)
    return application


def _ready() -> dict[str, bool]:
    from twitter_project import probes  # declares metrics, so not before share_metrics

    return {**probes.ask(probes.databases()), "server": not lifecycle.is_stopping()}


def _resolve(host: str) -> str:
    """The host's first IPv4 address, else its first IPv6 address: granian takes no names."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CommandError(f"--host: {host!r} is neither an address nor a known name") from None
    addresses = [str(address[0]) for *_, address in found]
    return next((address for address in addresses if ":" not in address), addresses[0])


def find_free_port(host: str, port: int) -> int:
    """The port itself, or for 0 one that the kernel chooses. Raises if the port is taken."""
    with _open_socket(host) as probe:
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


def _open_socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
