"""An HTTP client that uses little CPU beside the server, and checks every answer.

It supports the HTTP/1.1 of our servers: keep-alive, and a length or chunks.
"""

import json
import re
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.harness import CheckFailed

# Enough to keep a server with one thread busy.
CONNECTIONS = 8
_TIMEOUT_SECONDS = 10.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def request(
    method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Connection:
    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self.socket = socket.create_connection((url.hostname, url.port), _TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        return answer

    def ask_for_json(self, request: bytes) -> Any:
        answer = self.ask(request)
        if answer.status != 200:
            raise CheckFailed(f"status {answer.status}: {answer.body[:200]!r}")
        return json.loads(answer.body)

    def send(self, request: bytes) -> None:
        self._received = b""
        self.socket.sendall(request)

    def receive(self) -> Answer | None:
        """Waits for the next bytes; None while the answer is incomplete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise CheckFailed("the server closed the connection")
        self._received += part
        return _read(self._received)

    def close(self) -> None:
        self.socket.close()


class Load:
    """Sends requests over several connections at once, one at a time on each."""

    def __init__(self, address: str, *, connections: int = CONNECTIONS) -> None:
        self._connections = [Connection(address) for _ in range(connections)]

    def run(
        self, requests: Sequence[bytes], seconds: float, check: Callable[[int, Answer], None]
    ) -> float:
        """Answers per second. `check` receives each answer with the index of its request."""
        selector = selectors.DefaultSelector()
        asked: dict[Connection, int] = {}
        number = answered = 0

        def ask(connection: Connection) -> None:
            nonlocal number
            asked[connection] = number % len(requests)
            connection.send(requests[asked[connection]])
            number += 1

        begun = now = time.perf_counter()
        for connection in self._connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            ask(connection)
        while asked:
            ready = selector.select(_TIMEOUT_SECONDS)
            if not ready:
                raise CheckFailed(f"no answer within {_TIMEOUT_SECONDS:.0f} s")
            now = time.perf_counter()
            for key, _ in ready:
                connection = key.data
                answer = connection.receive()
                if answer is None:
                    continue
                answered += 1
                check(asked.pop(connection), answer)
                if now - begun < seconds:
                    ask(connection)
        selector.close()
        return answered / (now - begun)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def expect_bodies(bodies: Sequence[bytes]) -> Callable[[int, Answer], None]:
    """Checks that every answer equals the expected body of its request."""

    def check(index: int, answer: Answer) -> None:
        if answer.status != 200 or answer.body != bodies[index]:
            raise CheckFailed(f"unexpected answer with status {answer.status}")

    return check


def _read(received: bytes) -> Answer | None:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, rest = received[:end], received[end + 4 :]
    length = _LENGTH.search(head)
    if length is None:
        if not rest.endswith(b"0\r\n\r\n"):
            return None
        return Answer(int(head[9:12]), _join_chunks(rest))
    return Answer(int(head[9:12]), rest) if len(rest) >= int(length[1]) else None


def _join_chunks(rest: bytes) -> bytes:
    body = b""
    while True:
        size_text, _, rest = rest.partition(b"\r\n")
        size = int(size_text, 16)
        if size == 0:
            return body
        body += rest[:size]
        rest = rest[size + 2 :]
