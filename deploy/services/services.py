#!/usr/bin/env python3
"""The four servers that the tests need, on their own ports of 127.0.0.1.

  PostgreSQL     5433   user test, password test, database test_db
  Redis          6380
  RabbitMQ       5673   user test, password test; management on 15673
  Elasticsearch  9201   8.11.0, no password

They run by docker-compose.test.yml where a Docker engine answers; elsewhere from Debian's
packages and, for Elasticsearch, from Maven Central. Data and logs are in .services/ and stay
there between starts, but for Redis', which begins empty.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import packages
import ports
from compose import Compose, is_docker_there
from processes import (
    Interrupted,
    Process,
    ServiceError,
    find_recorded,
    raise_on_interrupts,
    spawn,
    uninterrupted,
)
from servers import BASE_ENVIRONMENT, Server, list_servers

CLONE = Path(__file__).resolve().parents[2]
DATA = CLONE / ".services"
LOGS = DATA / "log"
RECORDS = DATA / "run"
DOCKER_NOTE = RECORDS / "docker"  # there while Docker runs them
CONTAINERS = Compose(CLONE / "docker-compose.test.yml")

START_SECONDS = 120
STOP_SECONDS = 20


def start() -> None:
    servers = list_servers(DATA, clone=CLONE)
    absent = [server for server in servers if _find(server) is None]
    if absent == servers and is_docker_there():
        DOCKER_NOTE.touch()
        CONTAINERS.start()
        return
    if not absent and all(server.is_ready() for server in servers):
        say("already running: " + _list_ports(servers))
        return
    DOCKER_NOTE.unlink(missing_ok=True)
    _refuse_taken_ports(absent)
    install()

    before = time.monotonic()
    started: list[Server] = []
    try:
        for server in absent:
            server.prepare()
            started.append(server)
            spawn(
                server.command(),
                record=_record(server),
                log=_log(server),
                folder=server.folder,
                environment=BASE_ENVIRONMENT | server.environment,
                user=server.user,
            )
        _wait_until_ready(servers, since=before)
    except BaseException:
        with uninterrupted():
            _stop(started)
        raise


def _refuse_taken_ports(servers: list[Server]) -> None:
    for server in servers:
        for port in server.ports:
            if ports.is_taken(port):
                taker = ports.describe_listener(port)
                raise ServiceError(f"port {port}, which {server.name} needs, is taken by {taker}")


def _wait_until_ready(servers: list[Server], *, since: float) -> None:
    waiting = list(servers)
    while waiting:
        for server in list(waiting):
            seconds = time.monotonic() - since
            if _find(server) is None:
                raise ServiceError(f"{server.name} ended while starting; see {_log(server)}")
            if server.is_ready():
                waiting.remove(server)
                if not server.is_helper:
                    say(
                        f"{server.name:<14} {_list_ports([server]):<16} ready after {seconds:.1f} s"
                    )
            elif seconds > START_SECONDS:
                raise ServiceError(
                    f"{server.name} is not ready after {START_SECONDS} s; see {_log(server)}"
                )
        time.sleep(0.1)


def stop() -> None:
    if DOCKER_NOTE.exists():
        CONTAINERS.stop()
        DOCKER_NOTE.unlink()
        return
    servers = list_servers(DATA, clone=CLONE)
    if not any(_find(server) for server in servers):
        say("none is running")
        return
    before = time.monotonic()
    _stop(servers)
    say(f"stopped after {time.monotonic() - before:.1f} s")


def _stop(servers: list[Server]) -> None:
    """Side by side; the helpers last, since the others lean on them."""
    for helpers in (False, True):
        stopping: list[tuple[Server, Process]] = []
        for server in servers:
            process = _find(server)
            if process is not None and server.is_helper is helpers:
                process.send(server.stop_signal)
                stopping.append((server, process))
        deadline = time.monotonic() + STOP_SECONDS
        for server, process in stopping:
            if not process.wait_for_end(server.stop_signal, deadline=deadline):
                say(f"{server.name} did not stop within {STOP_SECONDS} s: killed")
                process.kill()
            _record(server).unlink()


def status() -> None:
    if DOCKER_NOTE.exists():
        CONTAINERS.show_status()
        return
    servers = [server for server in list_servers(DATA, clone=CLONE) if not server.is_helper]
    down = []
    for server in servers:
        process = _find(server)
        state = "stopped" if process is None else "ready" if server.is_ready() else "not ready"
        if state != "ready":
            down.append(server.name)
        where = f"pid {process.pid}, log {_log(server)}" if process else ""
        say(f"{server.name:<14} {_list_ports([server]):<16} {state:<10} {where}".rstrip())
    if down:
        raise ServiceError(f"not ready: {', '.join(down)}")


def install() -> None:
    """Only what is missing; quick where nothing is."""
    log = LOGS / "install.log"
    missing = packages.list_missing_packages()
    if missing:
        as_root = packages.get_root_command(missing)
        say(f"installing {' '.join(missing)} ...")
        packages.install_packages(as_root=as_root, log=log)
    if not packages.get_elasticsearch_home().exists():
        say("fetching Elasticsearch 8.11.0 ...")
        packages.make_elasticsearch(log=log)


def _record(server: Server) -> Path:
    return RECORDS / f"{server.name}.json"


def _log(server: Server) -> Path:
    return LOGS / f"{server.name}.log"


def _find(server: Server) -> Process | None:
    return find_recorded(_record(server))


def _list_ports(servers: list[Server]) -> str:
    return ", ".join(
        f"{ports.LOOPBACK}:{server.ports[0]}" for server in servers if not server.is_helper
    )


def say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with (DATA / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start or stop of this clone")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    commands: dict[str, tuple[Callable[[], None], str]] = {
        "start": (
            start,
            "start what isn't running, installing what is missing; wait until all are ready",
        ),
        "stop": (stop, "stop what start started; data stays"),
        "status": (status, "ask each server; exit 1 unless all are ready"),
        "install": (install, "install what is missing, start nothing"),
    }
    parser = argparse.ArgumentParser(
        prog="services.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in commands.items():
        subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command, _ = commands[parser.parse_args().command]

    raise_on_interrupts()
    try:
        for folder in (DATA, LOGS, RECORDS):
            folder.mkdir(exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise ServiceError(f"{folder} is another user's: remove it, or go on as that user")
            folder.chmod(0o755)  # whatever the umask: PostgreSQL's user has to pass
        (DATA / "clone").write_text(f"{CLONE}\n")
        with one_at_a_time():
            command()
    except Interrupted as error:
        print(f"services: {error}", file=sys.stderr)
        return error.exit_status
    except (ServiceError, OSError) as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
