"""/health and /ready."""

import threading
from collections.abc import Iterator

import grpc
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from grpc_services.channels import channel
from grpc_services.servers import Server
from twitter_project import lifecycle, probes

PARTS = {"database", "redis", "broker", "search", "accounts", "tweets"}


@pytest.fixture
def stopping() -> Iterator[None]:
    lifecycle.mark_stopping()
    yield
    lifecycle.mark_stopping(False)


@pytest.fixture
def users_grpc(settings: Settings) -> Iterator[str]:
    """An address for accounts, to which the process's channel leads."""
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
    """Kubernetes asks by the pod's address."""
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


def test_ready_is_refused_while_the_server_is_stopping(db: None, stopping: None) -> None:
    answer = Client().get("/ready")

    assert answer.status_code == 503
    assert answer.json()["status"] == "stopping"
    assert Client().get("/health").status_code == 200


def test_a_grpc_server_answers_until_it_stops(users_grpc: str) -> None:
    probes.grpc(users_grpc, "accounts")

    channel("accounts").close()
    channel.cache_clear()
    stopped = {"accounts": {"BACKEND": "grpc_services.channels.network_channel"}}
    stopped["accounts"]["TARGET"] = "127.0.0.1:1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.GRPC_CHANNELS", stopped)
        with pytest.raises(grpc.RpcError):
            probes.grpc("127.0.0.1:1", "accounts")


def test_a_part_that_hangs_is_down_and_asked_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_part_that_raises_is_down() -> None:
    def fail() -> None:
        raise OSError("no route to host")

    assert probes.ask({"broken": fail}) == {"broken": False}
