"""The monitoring port: /health, /ready, /metrics."""

import socket

import httpx
import pytest
from django.core.management import CommandError
from django.test import Client
from pytest_django import Settings

from common.observability import monitor


def test_ready_names_the_part_that_is_down() -> None:
    up = {"broker": True, "database": True}
    address = monitor.start(lambda: up)

    assert httpx.get(f"{address}/ready").json() == {
        "status": "ok",
        "parts": {"broker": "ok", "database": "ok"},
    }
    up["broker"] = False
    answer = httpx.get(f"{address}/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "down", "parts": {"broker": "down", "database": "ok"}}


def test_health_is_ok_while_the_process_is_not_ready() -> None:
    address = monitor.start(lambda: {"broker": False})

    answer = httpx.get(f"{address}/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_other_paths_are_404() -> None:
    address = monitor.start(dict)

    assert httpx.get(f"{address}/").status_code == 404
    assert httpx.get(f"{address}/admin/").status_code == 404


def test_it_is_off_without_monitor_listen(settings: Settings) -> None:
    settings.MONITOR_LISTEN = ""

    assert monitor.start(dict) is None


def test_a_bare_port_listens_on_loopback(settings: Settings) -> None:
    settings.MONITOR_LISTEN = "0"

    assert str(monitor.start(dict)).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("listen", ["monitor", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_invalid_address_is_refused(listen: str, settings: Settings) -> None:
    settings.MONITOR_LISTEN = listen

    with pytest.raises(
        CommandError, match=f"MONITOR_LISTEN: '{listen}' must be a port or HOST:PORT"
    ):
        monitor.start(dict)


def test_a_port_in_use_is_refused(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings.MONITOR_LISTEN = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(CommandError, match="MONITOR_LISTEN: can't listen on"):
            monitor.start(dict)


def test_the_api_has_no_metrics() -> None:
    assert Client().get("/metrics").status_code == 404
