"""Request bodies that arrive in chunks, too large, or slowly."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from deploy.local.conditions import wait_until
from tests.support.serving import Server

THREADS = 4  # of `serve`
HALF_A_REQUEST = (
    b"POST /users/login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)

pytestmark = pytest.mark.slow


@pytest.fixture
def dora(served: Server) -> Iterator[httpx.Client]:
    """A client of an account that the fixture deletes at the end."""
    account = {"email": "dora@example.com", "username": "dora", "password": "pass123"}
    with httpx.Client(base_url=served.address, timeout=30) as client:
        answer = client.post("/users/register", json=account)
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client
        client.request("DELETE", "/users/me", json={"password": "pass123"})


def send(client: httpx.Client, method: str, path: str, text: str) -> httpx.Response:
    """Sends chunks of seven bytes, without a Content-Length."""
    chunks = (text.encode()[start : start + 7] for start in range(0, len(text), 7))
    type = {"Content-Type": "application/json"}
    answer = client.request(method, path, content=chunks, headers=type)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    return answer


def test_a_chunked_body_is_read_for_every_method(dora: httpx.Client) -> None:
    changed = send(dora, "PATCH", "/users/me", json.dumps({"bio": "I bake."}))
    assert changed.json()["user"]["bio"] == "I bake."
    assert dora.get("/users/me").json()["user"]["bio"] == "I bake."

    posted = send(dora, "POST", "/tweet", json.dumps({"content": "a zebra"}))
    assert posted.json()["tweet"]["content"] == "a zebra"

    assert send(dora, "GET", "/hello", "{}").status_code == 200
    assert send(dora, "DELETE", "/users/me", json.dumps({"password": "no"})).status_code == 403
    assert send(dora, "DELETE", "/users/me", json.dumps({"password": "pass123"})).status_code == 204


@pytest.mark.parametrize(("size", "status"), [(65_000, 422), (65_537, 413), (300_000, 413)])
def test_a_chunked_body_has_the_same_limit(dora: httpx.Client, size: int, status: int) -> None:
    text = json.dumps({"bio": "a" * (size - len(json.dumps({"bio": ""})))})
    assert send(dora, "PATCH", "/users/me", text).status_code == status


@contextmanager
def stalled(served: Server, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have sent half a request."""
    port = int(served.address.rpartition(":")[2])
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(count)
        ]
        for client in clients:
            client.sendall(HALF_A_REQUEST)
        yield clients


def test_stalled_bodies_leave_a_thread_free(served: Server, dora: httpx.Client) -> None:
    with stalled(served, THREADS + 4) as clients:
        for path in ("/health", "/ready", "/users/me"):
            assert dora.get(path).status_code == 200
        refused = dora.patch("/users/me", json={"bio": "I bake."})
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        refused_clients = [client for client in clients if is_answered(client)]
        assert len(refused_clients) == len(clients) - (THREADS - 1)
    wait_until(lambda: dora.patch("/users/me", json={"bio": "I bake."}).status_code == 200)


def test_many_stalled_bodies_do_not_add_up_their_delays(served: Server) -> None:
    with stalled(served, 60) as clients:  # at a quarter of a second each, 15 s
        assert httpx.get(f"{served.address}/health", timeout=5).status_code == 200
        assert sum(map(is_answered, clients)) == len(clients) - (THREADS - 1)


def test_a_late_body_is_read(served: Server) -> None:
    with stalled(served, 1) as (client,):
        assert httpx.get(f"{served.address}/health").status_code == 200
        client.sendall(b'"email": "alice@example.com", "password": "password"}'.rjust(99))
        assert client.recv(100).split()[1] == b"200"


def is_answered(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(100).split()[1] == b"503"
    except BlockingIOError:
        return False
