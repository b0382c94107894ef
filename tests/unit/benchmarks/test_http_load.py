import socket
import threading
from contextlib import contextmanager

import pytest

from benchmarks.harness import CheckFailed
from benchmarks.http_load import Connection, Load, expect_bodies, request


@contextmanager
def server(*parts: bytes, connections: int = 1):
    """Answers each request with these parts, one packet each."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(client: socket.socket) -> None:
            with client:
                while client.recv(1 << 16):
                    for part in parts:
                        client.sendall(part)

        def accept() -> None:
            for _ in range(connections):
                client, _ = listening.accept()
                threading.Thread(target=serve, args=[client]).start()

        threading.Thread(target=accept).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
        [b"HTTP/1.1 200 OK\r\ncontent-", b"length: 5\r\n\r\nhe", b"llo"],
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
            b"3\r\nllo\r\n0\r\n\r\n",
        ],
    ],
)
def test_an_answer_is_read_in_any_number_of_packets(parts: list[bytes]):
    with server(*parts) as address:
        connection = Connection(address)
        for _ in range(2):
            answer = connection.ask(request("GET", "/"))
            assert (answer.status, answer.body) == (200, b"hello")
        connection.close()


def test_a_load_counts_expected_answers():
    with server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", connections=2) as address:
        load = Load(address, connections=2)
        assert load.run([request("GET", "/")], 0.05, expect_bodies([b"{}"])) > 0
        load.close()


def test_an_unexpected_answer_ends_a_load():
    with server(b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}") as address:
        load = Load(address, connections=1)
        with pytest.raises(CheckFailed):
            load.run([request("GET", "/")], 0.05, expect_bodies([b"{}"]))
        load.close()
