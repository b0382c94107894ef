"""The four servers and RabbitMQ's epmd: how to prepare, start, check and stop each.

They listen on loopback only and use ports, names and folders of their own, so that they do not
meet the machine's other servers.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from deploy.local import ports
from deploy.local.errors import DeployError
from deploy.local.recorded import is_zombie
from deploy.services.packages import RABBITMQ, find_jdk, find_postgres_tools, get_elasticsearch_home


@dataclass(frozen=True)
class Ports:
    """Of one set of servers; the defaults are those of the tests."""

    postgres: int = 5433
    redis: int = 6380
    rabbitmq: int = 5673
    rabbitmq_management: int = 15673
    rabbitmq_distribution: int = 25673
    epmd: int = 14369
    elasticsearch: int = 9201
    elasticsearch_transport: int = 9301


OF_TESTS = Ports()

USER = PASSWORD = "test"
DATABASE = "test_db"

# The servers do not inherit the caller's environment: a PGDATA or RABBITMQ_* would change them.
BASE_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
}


@dataclass(frozen=True)
class Server:
    name: str
    ports: tuple[int, ...]
    prepare: Callable[[], None]
    command: Callable[[], list[str]]
    is_ready: Callable[[], bool]
    folder: Path
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    is_helper: bool = False


def list_servers(data: Path, *, clone: Path, at: Ports = OF_TESTS) -> list[Server]:
    """In the order in which to start them: the slowest first, but epmd before RabbitMQ."""
    return [
        _epmd(data, at),
        _rabbitmq(data, at),
        _elasticsearch(data, at),
        _redis(data, at),
        _postgres(data, at, clone=clone),
    ]


def _epmd(data: Path, at: Ports) -> Server:
    folder = data / "rabbitmq"
    return Server(
        name="epmd",
        ports=(at.epmd,),
        prepare=lambda: _make_folder(folder),
        command=lambda: ["epmd", "-port", str(at.epmd), "-address", ports.LOOPBACK],
        is_ready=lambda: ports.accepts(at.epmd),
        folder=folder,
        is_helper=True,
    )


def _rabbitmq(data: Path, at: Ports) -> Server:
    folder = data / "rabbitmq"

    def prepare() -> None:
        # If epmd were not up, Erlang would start one that nothing stops.
        deadline = time.monotonic() + 5
        while not ports.accepts(at.epmd):
            if time.monotonic() > deadline:
                raise DeployError(f"epmd does not start: see {data / 'log' / 'epmd.log'}")
            time.sleep(0.02)
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = {ports.LOOPBACK}:{at.rabbitmq}\n"
            f"management.tcp.ip = {ports.LOOPBACK}\n"
            f"management.tcp.port = {at.rabbitmq_management}\n"
            f"default_user = {USER}\n"
            f"default_pass = {PASSWORD}\n"
            "vm_memory_high_watermark.relative = 0.8\n"
            "disk_free_limit.absolute = 10MB\n"
        )

    def is_ready() -> bool:
        # One request checks three things: management answers, `test` can log in, AMQP listens.
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return _answers_ok(
            at.rabbitmq_management,
            f"/api/health/checks/port-listener/{at.rabbitmq}",
            headers={"Authorization": f"Basic {credentials}"},
        )

    return Server(
        name="rabbitmq",
        ports=(at.rabbitmq, at.rabbitmq_management, at.rabbitmq_distribution),
        prepare=prepare,
        command=lambda: [str(RABBITMQ)],
        is_ready=is_ready,
        folder=folder,
        environment={
            "HOME": str(folder),  # for the Erlang cookie
            "RABBITMQ_NODENAME": "microblog-test@localhost",
            "RABBITMQ_DIST_PORT": str(at.rabbitmq_distribution),
            "ERL_EPMD_ADDRESS": ports.LOOPBACK,
            "ERL_EPMD_PORT": str(at.epmd),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RUNNING_UNDER_SYSTEMD": "true",  # makes the script exec the server: one pid
            # Erlang's schedulers would spin while idle and take CPU from the tests.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1}"
                " +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        },
    )


def _elasticsearch(data: Path, at: Ports) -> Server:
    folder = data / "elasticsearch"

    def prepare() -> None:
        _make_folder(folder)
        _make_folder(folder / "config")

    def command() -> list[str]:
        home, jdk = get_elasticsearch_home(), find_jdk()
        settings = {
            "path.home": home,
            "path.data": folder / "data",
            "path.logs": folder / "logs",
            "cluster.name": "microblog-test",
            "node.name": "test",
            "network.host": ports.LOOPBACK,
            "http.port": at.elasticsearch,
            "transport.port": at.elasticsearch_transport,
            "discovery.type": "single-node",
            # A nearly full disk would make every index read-only.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        return [
            f"{jdk}/bin/java",
            "-Xms512m",
            "-Xmx512m",
            "-XX:+UseSerialGC",  # a fifth less CPU at the start
            "-Des.distribution.type=tar",
            f"-Dlog4j.configurationFile={home}/log4j2.properties",
            f"-Djava.io.tmpdir={folder}",
            "--module-path",
            f"{home}/lib",
            "--add-modules",
            "jdk.net,ALL-MODULE-PATH",
            "-cp",
            f"{home}/launcher",
            "Launch",
            f"{folder}/config",
            *(f"{name}={value}" for name, value in settings.items()),
        ]

    return Server(
        name="elasticsearch",
        ports=(at.elasticsearch, at.elasticsearch_transport),
        prepare=prepare,
        command=command,
        is_ready=lambda: _answers_ok(
            at.elasticsearch, "/_cluster/health?wait_for_status=yellow&timeout=1s"
        ),
        folder=folder,
    )


def _redis(data: Path, at: Ports) -> Server:
    folder = data / "redis"
    options = {
        "--bind": ports.LOOPBACK,
        "--port": str(at.redis),
        "--dir": str(folder),
        "--save": "",  # a snapshot is older than the timelines: docs/operations/data.md
    }

    def is_ready() -> bool:
        try:
            with socket.create_connection((ports.LOOPBACK, at.redis), timeout=1) as client:
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return Server(
        name="redis",
        ports=(at.redis,),
        prepare=lambda: _make_folder(folder),
        command=lambda: ["redis-server", *(word for option in options.items() for word in option)],
        is_ready=is_ready,
        folder=folder,
    )


def _postgres(data: Path, at: Ports, *, clone: Path) -> Server:
    # PostgreSQL refuses to run as root. The package's user runs it, in a folder that it can enter.
    user = "postgres" if os.geteuid() == 0 else None
    base = data
    if user is not None and not _is_reachable_by_all(data):
        digest = hashlib.sha256(str(clone).encode()).hexdigest()[:12]
        base = Path("/var/tmp") / f"microblog-services-{digest}"
    folder = base / "postgres"

    def tool(name: str) -> str:
        return f"{find_postgres_tools()}/{name}"

    def cluster() -> Path:
        """One per version: PostgreSQL does not read the files of another one."""
        return folder / f"data-{Path(tool('')).parent.name}"

    def prepare() -> None:
        _make_folder(base)
        (base / "clone").write_text(f"{clone}\n")
        _make_folder(folder, owner=user)
        if cluster().exists():
            remove_stale_lock()
        else:
            make_cluster()

    def make_cluster() -> None:
        unfinished = folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        # `test` owns the cluster and so is a superuser, like POSTGRES_USER in the official image.
        initdb = [tool("initdb"), "-D", str(unfinished), "-U", USER, "--pwfile", str(password)]
        run([*initdb, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        single = [tool("postgres"), "--single", "-D", str(unfinished), "postgres"]
        run(single, f"CREATE DATABASE {DATABASE}\n")
        unfinished.rename(cluster())

    def remove_stale_lock() -> None:
        # A zombie counts as a running server, and a container may never reap it.
        lock = cluster() / "postmaster.pid"
        if lock.exists() and is_zombie(int(lock.read_text().split()[0])):
            lock.unlink()

    def run(command: list[str], stdin: str = "") -> None:
        groups: list[str] | None = None if user is None else []
        answer = subprocess.run(
            command,
            cwd=folder,
            env=BASE_ENVIRONMENT,
            user=user,
            group=user,
            extra_groups=groups,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            log = data / "log" / "initdb.log"
            log.write_text(answer.stdout)
            raise DeployError(f"{Path(command[0]).name} failed: see {log}")

    def is_ready() -> bool:
        address = f"postgresql://{USER}:{PASSWORD}@{ports.LOOPBACK}:{at.postgres}/{DATABASE}"
        answer = subprocess.run(
            [tool("psql"), "-qtA", "-c", "select 1", f"{address}?connect_timeout=2"],
            cwd="/",
            env=BASE_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return answer.stdout.strip() == b"1"

    options = {
        "listen_addresses": ports.LOOPBACK,
        "port": str(at.postgres),
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return Server(
        name="postgres",
        ports=(at.postgres,),
        prepare=prepare,
        command=lambda: [
            *(tool("postgres"), "-D", str(cluster())),
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        ],
        is_ready=is_ready,
        folder=folder,
        user=user,
        stop_signal=signal.SIGINT,  # SIGTERM would wait until all clients disconnect
    )


def _make_folder(folder: Path, *, owner: str | None = None) -> None:
    folder.mkdir(exist_ok=True)
    if owner is None:
        if folder.stat().st_uid != os.geteuid():
            raise DeployError(f"{folder} belongs to another user: remove it, or run as that user")
        folder.chmod(0o755)  # despite any umask: PostgreSQL's user must be able to enter
    else:
        shutil.chown(folder, owner, owner)
        folder.chmod(0o700)


def _is_reachable_by_all(folder: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))


def _answers_ok(port: int, path: str, *, headers: dict[str, str] | None = None) -> bool:
    # Not urllib, which sends even loopback through a proxy named in the environment.
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
