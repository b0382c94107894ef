"""A small HTTP client that costs little beside the server that it drives, and checks every answer.

It knows as much of HTTP/1.1 as our servers speak: keep-alive, a length or chunks.
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

# Enough that a server of one thread never waits for its next request.
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
        place = urlsplit(address)
        self.socket = socket.create_connection((place.hostname, place.port), _TIMEOUT_SECONDS)
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
        """Waits for what comes next; None while the answer is not complete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise CheckFailed("the server hung up")
        self._received += part
        return _read(self._received)

    def close(self) -> None:
        self.socket.close()


class Load:
    """Asks over several connections at once, each one question after the other."""

    def __init__(self, address: str, *, connections: int = CONNECTIONS) -> None:
        self._connections = [Connection(address) for _ in range(connections)]

    def run(
        self, requests: Sequence[bytes], seconds: float, check: Callable[[int, Answer], None]
    ) -> float:
        """Answers per second. `check` gets each answer with the place of its request."""
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
    """Every answer must be, byte for byte, what its request is known to be answered with."""

    def check(place: int, answer: Answer) -> None:
        if answer.status != 200 or answer.body != bodies[place]:
            raise CheckFailed(f"an answer of status {answer.status} that was not expected")

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
