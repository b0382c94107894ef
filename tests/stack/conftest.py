"""`make stack` with data of its own, apart from the tests'."""

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local.conditions import wait_until
from deploy.local.probes import answers
from tests.support.commands import ROOT
from tests.support.people import Member, expect

PORTS = PORT, _ = 18000, 15051  # below the ephemeral ports
NAME, REDIS_DB = "stack_test", 9
STACK = [
    *(sys.executable, "-m", "deploy.stack"),
    *("--name", NAME, "--redis-db", str(REDIS_DB)),
]
START_SECONDS = 180.0
TOPOLOGIES = ["one", "services", "databases"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In the topology of `--topology`, by default `databases`. With `all`, tests that are marked
    `every_topology` run in each.
    """
    if "stack" not in metafunc.fixturenames:
        return
    option = metafunc.config.getoption("--topology") or TOPOLOGIES[-1]
    in_every_topology = metafunc.definition.get_closest_marker("every_topology") is not None
    topologies = [option]
    if option == "all":
        topologies = TOPOLOGIES if in_every_topology else TOPOLOGIES[-1:]
    metafunc.parametrize("stack", topologies, indirect=True, scope="session")


@dataclass(frozen=True)
class Stack:
    address: str
    topology: str
    slow_client: socket.socket  # sent half a request when the stack was ready


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    log = tmp_path_factory.mktemp("stack") / "log"
    with (
        running(STACK, request.param, log),
        socket.create_connection(("127.0.0.1", PORT)) as slow_client,
    ):
        slow_client.sendall(b"POST /users/login HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        yield Stack(f"http://127.0.0.1:{PORT}", request.param, slow_client)


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.address, timeout=30) as client:
        yield client


async def read_feed(http: httpx.AsyncClient, reader: Member, **query: int) -> list[str]:
    answer = expect(200, await http.get("/feed", params=query, headers=reader.headers))
    return [tweet["id"] for tweet in answer["tweets"]]


@contextmanager
def running(
    stack: list[str], topology: str, log: Path, *options: str, ports: tuple[int, int] = PORTS
) -> Iterator[None]:
    """Runs the stack during the block and deletes its data."""
    port, grpc_port = ports
    forget(stack)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*stack, "start", "--topology", topology, "--port", str(port),
             "--grpc-port", str(grpc_port), "--no-services", "--no-rate-limits", *options],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: has_ended(process) or "\nReady: " in log.read_text(), START_SECONDS)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
        assert not answers(f"http://127.0.0.1:{port}/health")
        assert "SIGKILL" not in log.read_text()
        forget(stack)


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() is not None


def forget(stack: list[str]) -> None:
    subprocess.run([*stack, "forget"], cwd=ROOT, check=True)
