"""`make stack` as a whole, with data of its own beside the tests'."""

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.boundaries.commands import ROOT
from tests.boundaries.serving import answers
from tests.members import Member, expect
from tests.support import wait_until

PORT, GRPC_PORT = 18000, 15051  # below the ports that the kernel hands out
STACK = [sys.executable, "deploy/stack/stack.py", "--name", "stack_test", "--redis-db", "9"]
START_SECONDS = 180.0
TOPOLOGIES = ["one", "services", "databases"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In the topology asked for; without, in databases, and in all where the test says so."""
    if "stack" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--topology")
    everywhere = metafunc.definition.get_closest_marker("every_topology") is not None
    topologies = [asked] if asked else TOPOLOGIES if everywhere else TOPOLOGIES[-1:]
    metafunc.parametrize("stack", topologies, indirect=True, scope="session")


@dataclass(frozen=True)
class Stack:
    address: str
    topology: str
    slow_client: socket.socket  # has sent half a request, at the very beginning


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    topology: str = request.param
    log = tmp_path_factory.mktemp("stack") / "log"
    forget()
    process = start(topology, log)
    try:
        wait_until(lambda: has_ended(process) or "\nReady: " in log.read_text(), START_SECONDS)
        assert process.poll() is None, log.read_text()
        with socket.create_connection(("127.0.0.1", PORT)) as slow_client:
            slow_client.sendall(b"POST /users/login HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
            yield Stack(f"http://127.0.0.1:{PORT}", topology, slow_client)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
        assert not answers(f"http://127.0.0.1:{PORT}/health")
        assert "SIGKILL" not in log.read_text()
        forget()


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.address, timeout=30) as client:
        yield client


async def read_feed(http: httpx.AsyncClient, reader: Member, **query: int) -> list[str]:
    answer = expect(200, await http.get("/feed", params=query, headers=reader.headers))
    return [tweet["id"] for tweet in answer["tweets"]]


def start(topology: str, log: Path) -> "subprocess.Popen[bytes]":
    places = ["--port", str(PORT), "--grpc-port", str(GRPC_PORT)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*STACK, "start", "--topology", topology, *places, "--no-services",
             "--no-rate-limits"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() is not None


def forget() -> None:
    subprocess.run([*STACK, "forget"], cwd=ROOT, check=True)
