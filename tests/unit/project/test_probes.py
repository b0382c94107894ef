"""/health and /ready."""

import os
import socket
import threading
from collections.abc import Iterator

import grpc
import pytest
from django.db import connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from common import embedded_parts
from common.db import alias
from grpc_services.channels import channel
from grpc_services.servers import Server
from messaging.broker import broker
from messaging.models import QueuedMessage
from twitter_project import lifecycle, probes

PARTS = {"database", "redis", "broker", "search", "accounts", "tweets"}


@pytest.fixture(autouse=True)
def no_results() -> Iterator[None]:
    probes.forget()
    yield
    probes.forget()


@pytest.fixture
def never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request probes again."""
    monkeypatch.setattr(probes, "FRESH_SECONDS", -1.0)


@pytest.fixture
def stopping() -> Iterator[None]:
    lifecycle.mark_stopping()
    yield
    lifecycle.mark_stopping(False)


@pytest.fixture
def embedded_broker(settings: Settings) -> Iterator[None]:
    """The in-process broker, on real servers, too."""
    settings.BROKER = {"BACKEND": "messaging.backends.in_process.InProcessBroker"}
    broker().close()
    broker.cache_clear()
    yield
    broker.cache_clear()


@pytest.fixture
def users_grpc(settings: Settings) -> Iterator[str]:
    """The address of a gRPC server for accounts, to which the channel is set."""
    server = Server("accounts", "127.0.0.1:0")
    server.start()
    address = f"127.0.0.1:{server.port}"
    backend = "grpc_services.channels.network_channel"
    settings.GRPC_CHANNELS = {"accounts": {"BACKEND": backend, "TARGET": address}}
    channel.cache_clear()
    yield address
    channel("accounts").close()
    channel.cache_clear()
    server.stop()


def test_health_answers_without_io(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_ready_names_every_part(db: None) -> None:
    answer = Client().get("/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": dict.fromkeys(PARTS, "ok")}


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_probe_needs_neither_a_known_host_nor_tls(
    path: str, db: None, settings: Settings
) -> None:
    """Kubernetes probes by the pod's IP address."""
    settings.ALLOWED_HOSTS = ["example.com"]
    settings.SECURE_SSL_REDIRECT = True

    answer = Client().get(path, headers={"host": "10.1.2.3:8000"})

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


@pytest.mark.parametrize(
    ("part", "probe", "options"),
    [
        ("redis", "redis", {"url": "redis://127.0.0.1:1/0"}),
        ("broker", "rabbitmq", {"url": "amqp://127.0.0.1:1/"}),
        ("search", "elasticsearch", {"url": "http://127.0.0.1:1"}),
    ],
)
def test_ready_is_degraded_while_another_part_is_down(
    part: str, probe: str, options: dict[str, str], db: None, settings: Settings
) -> None:
    backend = {"BACKEND": f"twitter_project.probes.{probe}", **options}
    settings.PROBES = {**settings.PROBES, part: backend}

    answer = Client().get("/ready")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["parts"] == {**dict.fromkeys(PARTS, "ok"), part: "down"}


@pytest.mark.parametrize("part", ["redis", "broker", "search"])
def test_ready_is_degraded_while_an_embedded_part_exists_twice(
    part: str, transactional_db: None, embedded_broker: None, settings: Settings
) -> None:
    backend = {"BACKEND": f"twitter_project.probes.embedded_{part}"}
    others = {name: {"BACKEND": "twitter_project.probes.embedded"} for name in settings.PROBES}
    settings.PROBES = {**others, part: backend}
    assert Client().get("/ready").json()["parts"][part] == "ok"
    probes.forget()

    twice = [threading.Event(), threading.Event()]
    for each in twice:
        embedded_parts.register(part, each)

    assert Client().get("/ready").json() == {
        "status": "degraded",
        "parts": {**dict.fromkeys(PARTS, "ok"), part: "down"},
    }


def test_an_unused_embedded_part_is_not_counted() -> None:
    class Part:
        def __init__(self) -> None:
            self.itself = self

    used = Part()
    for each in (used, Part()):
        embedded_parts.register("a part", each)
    del each
    assert embedded_parts.count("a part") == 1


def test_ready_is_degraded_while_the_embedded_broker_has_dead_letters(
    transactional_db: None, embedded_broker: None, settings: Settings
) -> None:
    backend = {"BACKEND": "twitter_project.probes.embedded_broker"}
    settings.PROBES = {**settings.PROBES, "broker": backend}
    assert Client().get("/ready").json()["parts"]["broker"] == "ok"
    probes.forget()

    QueuedMessage.objects.create(
        queue="general_tweets.dead", message_id="1", routing_key="tweet.created", body=b"{}"
    )

    assert Client().get("/ready").json()["status"] == "degraded"
    assert probes.ask(probes.others())["broker"] is False


def test_ready_answers_503_while_the_server_is_stopping(db: None, stopping: None) -> None:
    answer = Client().get("/ready")

    assert answer.status_code == 503
    assert answer.json()["status"] == "stopping"
    assert Client().get("/health").status_code == 200


def test_the_grpc_probe_fails_once_the_server_stops(users_grpc: str) -> None:
    probes.grpc(users_grpc, "accounts")

    channel("accounts").close()
    channel.cache_clear()
    stopped = {"accounts": {"BACKEND": "grpc_services.channels.network_channel"}}
    stopped["accounts"]["TARGET"] = "127.0.0.1:1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.GRPC_CHANNELS", stopped)
        with pytest.raises(grpc.RpcError):
            probes.grpc("127.0.0.1:1", "accounts")


def test_a_part_that_hangs_is_down_and_probed_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "DEADLINE_SECONDS", 0.05)
    asked: list[None] = []
    may_answer = threading.Event()

    def hang() -> None:
        asked.append(None)
        may_answer.wait(10)

    for _ in range(3):
        assert probes.ask({"slow": hang, "quick": probes.embedded}) == {
            "slow": False,
            "quick": True,
        }
    assert len(asked) == 1

    may_answer.set()
    monkeypatch.setattr(probes, "DEADLINE_SECONDS", 10)
    assert probes.ask({"slow": hang}) == {"slow": True}


def test_callers_share_a_fresh_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "FRESH_SECONDS", 60.0)
    asked: list[None] = []

    for _ in range(3):
        assert probes.ask({"part": lambda: asked.append(None)}) == {"part": True}

    assert len(asked) == 1


def test_a_part_that_was_up_stays_up_while_the_next_probe_is_slow(
    monkeypatch: pytest.MonkeyPatch, never_fresh: None
) -> None:
    monkeypatch.setattr(probes, "VALID_SECONDS", 60.0)
    may_answer = threading.Event()
    may_answer.set()

    def answer() -> None:
        may_answer.wait(10)

    assert probes.ask({"busy": answer}) == {"busy": True}
    may_answer.clear()
    assert probes.ask({"busy": answer}) == {"busy": True}

    monkeypatch.setattr(probes, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(probes, "VALID_SECONDS", 0.0)
    assert probes.ask({"busy": answer}) == {"busy": False}
    may_answer.set()


def test_the_database_probe_reuses_its_connection(db: None, never_fresh: None) -> None:
    using = alias("accounts")
    drivers = []

    def ask() -> None:
        probes.database(using)
        drivers.append(connections[using].connection)

    for _ in range(2):
        assert probes.ask({"database": ask}) == {"database": True}
    assert drivers[0] is drivers[1]


@pytest.mark.real
def test_the_database_probe_replaces_a_broken_connection(db: None, never_fresh: None) -> None:
    using = alias("accounts")

    def ask() -> None:
        probes.database(using)
        with socket.socket(fileno=os.dup(connections[using].connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    for _ in range(2):
        assert probes.ask({"database": ask}) == {"database": True}


def test_a_forked_process_probes_with_threads_of_its_own(never_fresh: None) -> None:
    """The web server's monitor may have probed before its workers are forked."""
    probes.ask({"part": probes.embedded})
    asked: list[None] = []

    child = os.fork()
    if child == 0:
        try:
            probes.ask({"part": lambda: asked.append(None)})
        finally:
            os._exit(len(asked))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 1


def test_a_part_that_raises_is_down() -> None:
    def fail() -> None:
        raise OSError("no route to host")

    assert probes.ask({"broken": fail}) == {"broken": False}
