"""Start, stop, status and install: what `python3 -m deploy.services` does."""

from __future__ import annotations

import time
from pathlib import Path

from deploy.local import ports
from deploy.local.errors import DeployError
from deploy.local.interrupts import delayed_interrupts
from deploy.local.recorded import Process, find_recorded, spawn
from deploy.services import packages
from deploy.services.compose import Compose, is_docker_available
from deploy.services.servers import BASE_ENVIRONMENT, Server, list_servers

CLONE = Path(__file__).resolve().parents[2]
DATA = CLONE / ".services"
LOGS = DATA / "log"
RECORDS = DATA / "run"
DOCKER_MARKER = RECORDS / "docker"  # exists while Docker runs the servers
CONTAINERS = Compose(CLONE / "docker-compose.test.yml")

START_SECONDS = 120
STOP_SECONDS = 20


def start() -> None:
    servers = list_servers(DATA, clone=CLONE)
    absent = [server for server in servers if _find(server) is None]
    if absent == servers and is_docker_available():
        DOCKER_MARKER.touch()
        CONTAINERS.start()
        return
    if not absent and all(server.is_ready() for server in servers):
        print_line("already running: " + _list_ports(servers))
        return
    DOCKER_MARKER.unlink(missing_ok=True)
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
        with delayed_interrupts():
            _stop(started)
        raise


def _refuse_taken_ports(servers: list[Server]) -> None:
    for server in servers:
        for port in server.ports:
            if ports.is_taken(port):
                listener = ports.describe_listener(port)
                raise DeployError(f"{server.name}: port {port} is taken by {listener}")


def _wait_until_ready(servers: list[Server], *, since: float) -> None:
    waiting = list(servers)
    while waiting:
        for server in list(waiting):
            seconds = time.monotonic() - since
            if _find(server) is None:
                raise DeployError(f"{server.name} ended while starting: see {_log(server)}")
            if server.is_ready():
                waiting.remove(server)
                if not server.is_helper:
                    print_line(
                        f"{server.name:<14} {_list_ports([server]):<16} ready after {seconds:.1f} s"
                    )
            elif seconds > START_SECONDS:
                raise DeployError(
                    f"{server.name} is not ready after {START_SECONDS} s: see {_log(server)}"
                )
        time.sleep(0.1)


def stop() -> None:
    if DOCKER_MARKER.exists():
        CONTAINERS.stop()
        DOCKER_MARKER.unlink()
        return
    servers = list_servers(DATA, clone=CLONE)
    if not any(_find(server) for server in servers):
        print_line("no server is running")
        return
    before = time.monotonic()
    _stop(servers)
    print_line(f"stopped after {time.monotonic() - before:.1f} s")


def _stop(servers: list[Server]) -> None:
    """Stops all servers at once, then the helpers, which the servers need until they end."""
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
                print_line(f"{server.name} did not stop within {STOP_SECONDS} s: killed")
                process.kill()
            _record(server).unlink()


def status() -> None:
    if DOCKER_MARKER.exists():
        CONTAINERS.show_status()
        return
    servers = [server for server in list_servers(DATA, clone=CLONE) if not server.is_helper]
    down = []
    for server in servers:
        process = _find(server)
        state = "stopped" if process is None else "ready" if server.is_ready() else "not ready"
        if state != "ready":
            down.append(server.name)
        detail = f"pid {process.pid}, log {_log(server)}" if process else ""
        print_line(f"{server.name:<14} {_list_ports([server]):<16} {state:<10} {detail}".rstrip())
    if down:
        raise DeployError(f"not ready: {', '.join(down)}")


def install() -> None:
    """Installs only what is missing."""
    log = LOGS / "install.log"
    missing = packages.list_missing_packages()
    if missing:
        as_root = packages.get_root_command(missing)
        print_line(f"installing {' '.join(missing)} ...")
        packages.install_packages(as_root=as_root, log=log)
    if not packages.get_elasticsearch_home().exists():
        print_line("downloading Elasticsearch 8.11.0 ...")
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


def print_line(line: str) -> None:
    print(line, flush=True)
