"""Nobody waits without end for a PostgreSQL that accepts and doesn't answer."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

import pytest
from django.db import OperationalError, connections

from common.breakers import FAILURES
from common.postgresql import deadlines, waiting
from common.postgresql.base import DatabaseWrapper, breaker
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.real, pytest.mark.django_db]

DEADLINE_SECONDS = 0.3


@pytest.fixture(autouse=True)
def as_new(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process knows of its servers, and its deadline."""
    monkeypatch.setattr(waiting, "_hung_at", float("-inf"))
    breaker.cache_clear()
    yield
    deadlines.set_for_process(None)
    breaker.cache_clear()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of the server."""
    with ExitStack() as stack:
        proxy = Proxy(int(connections["default"].settings_dict["PORT"]))
        stack.callback(proxy.close)
        stack.callback(proxy.resume)
        yield proxy


@pytest.fixture
def connection(proxy: Proxy) -> Iterator[DatabaseWrapper]:
    place = connections["default"].settings_dict | {"HOST": "127.0.0.1", "PORT": proxy.port}
    made = DatabaseWrapper(place)
    for _ in range(2):  # of which the second asks whether it lives
        made.close_if_unusable_or_obsolete()
        run(made)
    yield made
    made.close()


def run(connection: DatabaseWrapper, statement: str = "SELECT 1") -> None:
    """As a request does."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def fail(connection: DatabaseWrapper, words: str = "did not answer within") -> float:
    """How long it takes."""
    started = time.monotonic()
    connection.close_if_unusable_or_obsolete()
    with pytest.raises(OperationalError, match=words):
        run(connection)
    connection.close_if_unusable_or_obsolete()
    return time.monotonic() - started


def test_a_statement_ends_with_the_deadline_and_the_next_are_answered(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    proxy.stall()

    assert DEADLINE_SECONDS <= fail(connection) < 2 * DEADLINE_SECONDS

    proxy.resume()
    run(connection)


def test_a_server_that_hangs_on_is_left_alone(connection: DatabaseWrapper, proxy: Proxy) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    proxy.stall()
    for _ in range(1 + FAILURES):
        fail(connection)

    assert sum(fail(connection, "asked again in a moment") for _ in range(10)) < DEADLINE_SECONDS


def test_so_is_one_behind_a_pooler_that_lets_everyone_in(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    for _ in range(1 + FAILURES):
        proxy.stall(after=b"SELECT 1")
        fail(connection)
        proxy.resume()

    assert fail(connection, "asked again in a moment") < DEADLINE_SECONDS


def test_another_host_is_found_past_one_that_hangs(proxy: Proxy) -> None:
    real = connections["default"].settings_dict["PORT"]
    hosts = {"HOST": "127.0.0.1,127.0.0.1", "PORT": f"{proxy.port},{real}"}
    deadlines.set_for_process(DEADLINE_SECONDS)
    proxy.stall()

    def connect() -> float:
        started = time.monotonic()
        connection = DatabaseWrapper(connections["default"].settings_dict | hosts)
        run(connection)
        connection.close()
        return time.monotonic() - started

    assert DEADLINE_SECONDS <= connect() < 2 * DEADLINE_SECONDS
    assert connect() < DEADLINE_SECONDS  # it is asked first from now on


def test_a_command_waits_until_it_is_interrupted(connection: DatabaseWrapper, proxy: Proxy) -> None:
    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    proxy.stall()
    try:
        signal.setitimer(signal.ITIMER_REAL, 2 * DEADLINE_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            run(connection)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_transaction_whose_commit_is_not_answered_fails(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    connection.set_autocommit(False)
    run(connection)
    proxy.stall()

    with pytest.raises(OperationalError, match="did not answer within"):
        connection.commit()
