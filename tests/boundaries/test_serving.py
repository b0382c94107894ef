"""`manage.py serve` and `manage.py runserver`."""

import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from deploy.local.conditions import wait_until
from deploy.local.probes import answers
from tests.support.commands import run
from tests.support.serving import Server, start
from twitter_project import embedded_database

CLOSED = {
    "DATABASE_URL": "postgres://test:test@127.0.0.1:1/test",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "RABBITMQ_URL": "amqp://127.0.0.1:1/",
    "ELASTICSEARCH_URL": "http://127.0.0.1:1",
    "USERS_GRPC": "127.0.0.1:1",
    "TWEETS_GRPC": "127.0.0.1:1",
}


@pytest.fixture
def own_data(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A data folder without a server. Releases the test's claim."""
    settings.DATA_DIR = tmp_path
    yield tmp_path
    embedded_database.release()


def workers(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sign_in(server: Server, name: str) -> httpx.Client:
    body = {"email": f"{name}@example.com", "password": "password"}
    answer = httpx.post(f"{server.address}/users/login", json=body, timeout=30)
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    return httpx.Client(base_url=server.address, headers=headers, timeout=30)


@pytest.mark.slow
def test_a_tweet_reaches_a_followers_feed_and_search(served: Server) -> None:
    with sign_in(served, "alice") as alice, sign_in(served, "bob") as bob:
        tweet = alice.post("/tweet", json={"content": "a zebra crossing"}).json()["tweet"]

        wait_until(lambda: tweet["id"] in ids(bob.get("/feed").json()["tweets"]))
        wait_until(lambda: tweet["id"] in ids(bob.get("/search?q=zebra").json()["results"]))


@pytest.mark.slow
def test_ready_and_doctor_see_a_dead_letter(served: Server) -> None:
    def ready() -> str:
        return str(httpx.get(f"{served.address}/ready", timeout=30).json()["status"])

    with closing(sqlite3.connect(served.data / "db.sqlite3", isolation_level=None)) as database:
        database.execute(
            "INSERT INTO messaging_queuedmessage (queue, message_id, routing_key, body)"
            " VALUES ('general_tweets.dead', '1', 'tweet.created', '{}')"
        )
        try:
            wait_until(lambda: ready() == "degraded")
            found = run("manage.py", "doctor", environment={"DATA_DIR": str(served.data)})
        finally:
            database.execute("DELETE FROM messaging_queuedmessage WHERE message_id = '1'")
    assert found.returncode == 1
    assert "PROBLEM  general_tweets: 1 dead letters → manage.py dead_letters show" in found.stdout
    assert f"PROBLEM  server: {served.address} says that broker is down" in found.stdout

    wait_until(lambda: ready() == "ok")
    found = run("manage.py", "doctor", environment={"DATA_DIR": str(served.data)})
    assert f"ok       server: {served.address} is ready" in found.stdout


@pytest.mark.slow
def test_static_files_are_served(served: Server) -> None:
    assert answers(f"{served.address}/static/twitter_project/index.css")
    assert answers(f"{served.address}/static/admin/css/base.css")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"a" * 100_000), b"431"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (b"X: a\r\n" * 200), b"431"),
        (b"GET /health HTTP/1.1\r\nHost: local\rhost\r\n\r\n", b"400"),
        (b"\x16\x03\x01\r\n\r\n", b"400"),
    ],
)
def test_a_malformed_or_oversized_request_reaches_no_python_code(
    served: Server, request_bytes: bytes, status: bytes
) -> None:
    port = int(served.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request_bytes)
        assert client.recv(100).split()[1] == status


@pytest.mark.slow
def test_runserver_serves_the_same_and_a_restart_loses_nothing(tmp_path: Path) -> None:
    server = start("runserver", tmp_path, "--noreload")
    server.wait_until_it_answers()
    with sign_in(server, "bob") as bob:
        tweet = bob.post("/tweet", json={"content": "a zebra crossing"}).json()["tweet"]
        wait_until(lambda: tweet["id"] in ids(bob.get("/feed").json()["tweets"]))
        wait_until(lambda: tweet["id"] in ids(bob.get("/search?q=zebra").json()["results"]))
        feed = ids(bob.get("/feed?limit=100").json()["tweets"])
    server.process.terminate()
    server.process.wait()

    server = start("serve", tmp_path)
    server.wait_until_it_answers()
    with sign_in(server, "bob") as bob:
        assert ids(bob.get("/feed?limit=100").json()["tweets"]) == feed
        assert ids(bob.get("/search?q=zebra").json()["results"]) == [tweet["id"]]
    os.kill(server.process.pid, signal.SIGINT)
    assert server.process.wait() == 0
    assert not server.process.find_in_log("(Traceback|ERROR)")


@pytest.mark.slow
def test_serve_reports_that_all_servers_are_down_and_drains(tmp_path: Path) -> None:
    server = start("serve", tmp_path, "--drain", "3", **CLOSED)
    server.wait_until_it_answers()

    ready = httpx.get(f"{server.address}/ready", timeout=30)
    assert ready.status_code == 503
    assert ready.json()["status"] == "down"
    assert set(ready.json()["parts"].values()) == {"down"}
    assert not server.process.find_in_log("(Sign in)")

    for pid in (*workers(server), server.process.pid):
        os.kill(pid, signal.SIGINT)  # like Ctrl-C
    wait_until(lambda: httpx.get(f"{server.address}/ready").json()["status"] == "stopping")
    assert server.process.wait() == 0


@pytest.mark.slow
def test_serve_ends_at_once_while_its_worker_starts(tmp_path: Path) -> None:
    server = start("serve", tmp_path, **CLOSED)
    server.process.wait_until(lambda: workers(server))

    server.process.terminate()

    assert server.process.wait() == 0
    assert not server.process.find_in_log("(Killing|ERROR)")


def test_a_taken_port_is_reported_in_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(CommandError, match="choose another with --port") as refused:
            call_command("serve", port=port)

    assert "\n" not in str(refused.value)


def test_several_workers_need_real_servers(settings: Settings) -> None:
    settings.REDIS_URL = None

    with pytest.raises(CommandError, match="embedded parts live in one process"):
        call_command("serve", port=0, workers=2)


def test_only_one_process_serves_a_data_folder(own_data: Path) -> None:
    embedded_database.claim("http://127.0.0.1:8000")

    with pytest.raises(CommandError, match="another process serves the data in") as refused:
        embedded_database.claim("http://127.0.0.1:8001")

    assert "\n" not in str(refused.value)
    assert str(own_data) in str(refused.value)
    assert embedded_database.last_address() == "http://127.0.0.1:8000"


def ids(tweets: list[dict[str, str]]) -> list[str]:
    return [tweet["id"] for tweet in tweets]
