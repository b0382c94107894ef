"""A server behind HAProxy, with the configuration of `make stack` and Compose."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.conditions import wait_until
from deploy.local.probes import answers
from deploy.services import packages
from tests.support.commands import ROOT
from tests.support.serving import Server, start

LIMIT = 5
# Two orders, because the headers before two equal WSGI names decide which of them wins.
FORGERIES = [
    b"Content-Type: text/plain\r\nCookie: a=b\r\n%b: 6.6.6.%d\r\n",
    b"%b: 6.6.6.%d\r\nContent-Type: text/plain\r\nCookie: a=b\r\n",
]
NAMES = [b"X_Forwarded_For", b"X-Forwarded_For", b"X-Forwarded-For", b"Forwarded: for=1.1.1.1, for"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Allows LIMIT reads per hour and address."""
    server = start(
        "serve",
        tmp_path_factory.mktemp("behind"),
        NUM_PROXIES="1",
        PROXY_HEADERS="forwarded",
        READ_RATE=f"{LIMIT}/hour",
    )
    server.wait_until_it_answers()
    yield server
    server.process.terminate()
    assert server.process.wait() == 0


@pytest.fixture
def proxy(server: Server, tmp_path: Path) -> Iterator[int]:
    """HAProxy's port."""
    packages.require("haproxy", log=tmp_path / "install.log")
    port, behind = ports.find_free(), server.address.rpartition(":")[2]
    variables = {"PORT": port, "PROXY_ADMIN": ports.find_free(), "WEB_1": behind, "WEB_2": behind}
    files = [word for name in ("haproxy", "one") for word in ("-f", f"deploy/stack/{name}.cfg")]
    with ExitStack() as stack:
        process = subprocess.Popen(
            [packages.PROXIES["haproxy"], "-db", *files],
            cwd=ROOT,
            env={name: str(value) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"))
        yield port


def ask(port: int, headers: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"GET /users/1 HTTP/1.0\r\nHost: localhost\r\n%b\r\n" % headers)
        return int(client.makefile("rb").readline().split()[1])


@pytest.mark.slow
def test_a_client_cannot_choose_its_address(proxy: int) -> None:
    statuses = [
        ask(proxy, forgery % (name, number))
        for number, name in enumerate(NAMES)
        for forgery in FORGERIES
    ]
    assert statuses == [404] * LIMIT + [429] * (len(statuses) - LIMIT)


@pytest.mark.slow
def test_no_header_makes_the_application_trust_another_address(server: Server) -> None:
    """Behind a proxy that passes all headers and sets `Forwarded`."""
    port = int(server.address.rpartition(":")[2])
    trusted = b"Forwarded: for=1.2.3.4\r\n"
    names = [name for name in NAMES if not name.startswith(b"Forwarded")]
    statuses = [
        ask(port, headers)
        for number, name in enumerate(names)
        for forgery in FORGERIES
        for headers in (trusted + forgery % (name, number), forgery % (name, number) + trusted)
    ]
    assert statuses == [404] * LIMIT + [429] * (len(statuses) - LIMIT)
