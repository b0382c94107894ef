"""A running system: its addresses, its processes, and how tests inspect it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from django.conf import settings

from deploy.local.processes import Process
from deploy.services.servers import DATABASE, PASSWORD, USER
from tests.chaos.faults import Targets
from tests.support.parts import Part
from tests.support.system import ENVIRONMENT

START_SECONDS = 180.0


@dataclass(frozen=True)
class Deployment:
    targets: Targets
    parts: list[Part]
    webs: list[str]
    environment: dict[str, str]
    management: str  # RabbitMQ's
    folder: Path
    standby_port: int  # of PostgreSQL; every process knows it

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def execute(self, sql: str) -> None:
        """Without a transaction."""
        with self._cursor() as cursor:
            cursor.execute(sql)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with closing(psycopg2.connect(self.targets.postgres_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command and waits for its end."""
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
        """Messages in each queue, unacknowledged ones included, as counted some seconds ago.

        A RabbitMQ that just started has not counted some queues: these count as one message.
        """
        answer = httpx.get(f"{self.management}/queues", auth=(USER, PASSWORD), timeout=10)
        answer.raise_for_status()
        return {queue["name"]: int(queue.get("messages", 1)) for queue in answer.json()}


def is_ready(web: str) -> bool:
    """Whether it and all parts that it asks answer."""
    try:
        answer = httpx.get(f"{web}/ready", timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json().get("status") == "ok"


def free_ports(count: int) -> list[int]:
    """Ports below the range that the system uses for outgoing connections."""
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


def wait_for_all(conditions: dict[str, Callable[[], bool]]) -> None:
    for is_true in conditions.values():
        deadline = time.monotonic() + START_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, f"not ready in time: {conditions.keys()}"
            time.sleep(0.1)
