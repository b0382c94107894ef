"""Small helps for tests."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings

T = TypeVar("T")


def wait_until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Returns as soon as the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


async def eventually(ask: Callable[[], Awaitable[T]], seconds: float = 30.0) -> T:
    """What `ask` answers, once that is true; fails the test when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (answer := await ask()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)
    return answer


def down_server() -> str | None:
    """Who does not listen, of the real servers."""
    for name, url in {
        "PostgreSQL": settings.DATABASE_URL,
        "Redis": settings.REDIS_URL,
        "RabbitMQ": settings.RABBITMQ_URL,
        "Elasticsearch": settings.ELASTICSEARCH_URL,
    }.items():
        place = urlsplit(url)
        try:
            socket.create_connection((str(place.hostname), place.port), timeout=2).close()
        except OSError:
            return f"{name} at {place.hostname!s}:{place.port}"
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
