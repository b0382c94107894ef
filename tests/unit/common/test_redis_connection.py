"""The connections that the pools are told to make."""

import socket
import subprocess
import sys
import threading

import pytest
import redis
from django.conf import settings

from common.redis_connection import Connection, SecureConnection

PRINT_CLASS = (
    "from django_redis import get_redis_connection as get; import django; django.setup();"
    "print(get().connection_pool.connection_class.__name__)"
)


def test_a_secure_connection_begins_with_tls() -> None:
    heard = bytearray()

    def listen(server: socket.socket) -> None:
        client, _ = server.accept()
        heard.extend(client.recv(1))
        client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=listen, args=(server,))
        listener.start()
        connection = SecureConnection(
            host="127.0.0.1", port=server.getsockname()[1], socket_timeout=5, ssl_cert_reqs="none"
        )
        with pytest.raises(redis.ConnectionError):
            connection.connect()
        listener.join()

    assert heard == bytes([22])  # a handshake of TLS
    assert issubclass(SecureConnection, redis.SSLConnection)


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("redis://127.0.0.1:1/0", Connection.__name__),
        ("rediss://127.0.0.1:1/0", SecureConnection.__name__),
    ],
)
def test_the_url_chooses_between_plain_and_secure(url: str, made: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PRINT_CLASS],
        cwd=settings.BASE_DIR,
        env={"REDIS_URL": url, "DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.strip() == made
