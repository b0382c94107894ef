"""A system of its own: servers on ports and in folders of their own, and every process."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from django.conf import settings

from deploy.local.processes import Process
from deploy.services.servers import DATABASE, PASSWORD, USER, Ports, list_servers
from tests.chaos.faults import Targets
from tests.support.parts import Part, server_part
from tests.support.proxy import Proxy
from tests.support.system import ENVIRONMENT

START_SECONDS = 180.0


@dataclass(frozen=True)
class Chaos:
    """What the tests are told."""

    seed: int
    seconds: float


@dataclass(frozen=True)
class World:
    targets: Targets
    parts: list[Part]
    webs: list[str]
    environment: dict[str, str]
    management: str  # RabbitMQ's
    folder: Path
    standby_port: int  # where all processes look for PostgreSQL, too

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def execute(self, sql: str) -> None:
        """By itself, not in a transaction."""
        with self._cursor() as cursor:
            cursor.execute(sql)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with closing(psycopg2.connect(self.targets.postgres_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=_environment(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def depths(self) -> dict[str, int]:
        """Messages in each queue, those in a worker's hands included, as counted seconds ago.

        A queue that a RabbitMQ which just started hasn't counted yet is said to hold one.
        """
        answer = httpx.get(f"{self.management}/queues", auth=(USER, PASSWORD), timeout=10)
        answer.raise_for_status()
        return {queue["name"]: int(queue.get("messages", 1)) for queue in answer.json()}


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    return Chaos(request.config.getoption("chaos_seed"), request.config.getoption("chaos_seconds"))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    subprocess.run(
        [sys.executable, "-m", "deploy.services", "install"], cwd=settings.BASE_DIR, check=True
    )
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="microblog-chaos-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # PostgreSQL's user has to pass
        (folder / "log").mkdir()
        at = Ports(*free_ports(8))
        servers = list_servers(folder, clone=folder, at=at)
        server_parts = {server.name: server_part(server, folder / "log") for server in servers}
        for server in servers:
            server_parts[server.name].start()
            stack.callback(server_parts[server.name].end)
        _wait_for_all({server.name: server.is_ready for server in servers})

        proxies = {
            "postgres": Proxy(at.postgres),
            "redis": Proxy(at.redis),
            "rabbitmq": Proxy(at.rabbitmq),
            "elasticsearch": Proxy(at.elasticsearch),
        }
        for proxy in proxies.values():
            stack.callback(proxy.close)
        users, tweets, first, second, standby_port = free_ports(5)
        environment = {
            "DATABASE_URL": postgres_url(proxies["postgres"].port, standby_port),
            "REDIS_URL": f"redis://127.0.0.1:{proxies['redis'].port}/0",
            "RABBITMQ_URL": f"amqp://{USER}:{PASSWORD}@127.0.0.1:{proxies['rabbitmq'].port}/%2F",
            "ELASTICSEARCH_URL": f"http://127.0.0.1:{proxies['elasticsearch'].port}",
            "USERS_GRPC": f"127.0.0.1:{users}",
            "TWEETS_GRPC": f"127.0.0.1:{tweets}",
            "USERS_GRPC_LISTEN": f"127.0.0.1:{users}",
            "TWEETS_GRPC_LISTEN": f"127.0.0.1:{tweets}",
            "DATA_DIR": str(folder),
        }
        webs = [f"http://127.0.0.1:{port}" for port in (first, second)]
        processes = [
            as_part(folder, environment, name, *arguments)
            for name, *arguments in (
                ("accounts", "run_grpc_server", "accounts"),
                ("tweets", "run_grpc_server", "tweets"),
                ("relay", "run_outbox_relay"),
                ("first feed worker", "run_feed_worker"),
                ("second feed worker", "run_feed_worker"),
                ("search worker", "run_search_worker"),
                ("tweets worker", "run_tweets_worker"),
                ("first web", "serve", "--port", str(first)),
                ("second web", "serve", "--port", str(second)),
            )
        ]
        made = World(
            targets=Targets(
                processes=processes,
                servers=[part for name, part in server_parts.items() if name != "epmd"],
                proxies=proxies,
                rabbitmq=server_parts["rabbitmq"],
                postgres_url=postgres_url(at.postgres),
                redis_url=f"redis://127.0.0.1:{at.redis}/0",
                elasticsearch_url=f"http://127.0.0.1:{at.elasticsearch}",
            ),
            parts=[*server_parts.values(), *processes],
            webs=webs,
            environment=environment,
            management=f"http://127.0.0.1:{at.rabbitmq_management}/api",
            folder=folder,
            standby_port=standby_port,
        )
        migrated = made.manage("migrate", "--verbosity", "0")
        assert migrated.returncode == 0, migrated.stderr
        for process in processes:
            process.start()
            stack.callback(process.end)
        _wait_for_all({web: partial(is_ready, web) for web in webs})
        yield made


def is_ready(web: str) -> bool:
    """It answers, and so do all the parts that it asks."""
    try:
        answer = httpx.get(f"{web}/ready", timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json().get("status") == "ok"


def free_ports(count: int) -> list[int]:
    """Below those that the system draws for outgoing connections, so that nobody takes them."""
    found: list[int] = []
    for port in range(17_000, 32_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            found.append(port)
            _given.add(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


_given: set[int] = set()


def as_part(folder: Path, environment: dict[str, str], name: str, *arguments: str) -> Part:
    logs = folder / "log"
    numbers = iter(range(1, 10_000))

    def launch() -> Process:
        log = logs / f"{name.replace(' ', '-')}-{next(numbers):03}.log"
        return Process(log, *arguments, **{**ENVIRONMENT, **environment})

    return Part(name, launch)


def _environment(environment: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,  # noqa: TID251 the child's is the test's own
        "DJANGO_SETTINGS_MODULE": "twitter_project.settings.test",
        **environment,
    }


def postgres_url(*ports: int) -> str:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgres://{USER}:{PASSWORD}@{hosts}/{DATABASE}"


def _wait_for_all(conditions: dict[str, Callable[[], bool]]) -> None:
    for is_true in conditions.values():
        deadline = time.monotonic() + START_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, f"not ready in time: {conditions.keys()}"
            time.sleep(0.1)
