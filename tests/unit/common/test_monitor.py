"""The side port: /health, /ready, /metrics."""

import socket

import httpx
import pytest
from django.core.management import CommandError
from django.test import Client
from pytest_django import Settings

from common.observability import monitor


def test_it_says_which_part_is_down() -> None:
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


def test_a_process_that_is_not_ready_is_alive() -> None:
    address = monitor.start(lambda: {"broker": False})

    answer = httpx.get(f"{address}/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_it_serves_nothing_else() -> None:
    address = monitor.start(dict)

    assert httpx.get(f"{address}/").status_code == 404
    assert httpx.get(f"{address}/admin/").status_code == 404


def test_it_is_off_without_a_port(settings: Settings) -> None:
    settings.MONITOR_LISTEN = ""

    assert monitor.start(dict) is None


def test_a_bare_port_is_one_of_loopback(settings: Settings) -> None:
    settings.MONITOR_LISTEN = "0"

    assert str(monitor.start(dict)).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("listen", ["monitor", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"])
def test_what_is_no_address_is_named(listen: str, settings: Settings) -> None:
    settings.MONITOR_LISTEN = listen

    with pytest.raises(CommandError, match=f"MONITOR_LISTEN: '{listen}' is neither"):
        monitor.start(dict)


def test_a_taken_port_is_said_in_one_line(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings.MONITOR_LISTEN = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(CommandError, match="can't listen on MONITOR_LISTEN"):
            monitor.start(dict)


def test_the_api_shows_no_metrics() -> None:
    assert Client().get("/metrics").status_code == 404
