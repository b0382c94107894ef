"""Statements end at the deadline while PostgreSQL accepts connections and doesn't answer."""

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
def new_process() -> Iterator[None]:
    """Restores the state of a new process."""
    waiting.forget_hangs()
    breaker.cache_clear()
    yield
    waiting.forget_hangs()
    deadlines.set_for_process(None)
    breaker.cache_clear()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy to the server."""
    with ExitStack() as stack:
        proxy = Proxy(int(connections["default"].settings_dict["PORT"]))
        stack.callback(proxy.close)
        stack.callback(proxy.resume)
        yield proxy


@pytest.fixture
def connection(proxy: Proxy) -> Iterator[DatabaseWrapper]:
    options = connections["default"].settings_dict | {"HOST": "127.0.0.1", "PORT": proxy.port}
    made = DatabaseWrapper(options)
    for _ in range(2):  # the second one checks the connection
        made.close_if_unusable_or_obsolete()
        run(made)
    yield made
    made.close()


def run(connection: DatabaseWrapper, statement: str = "SELECT 1") -> None:
    """Runs a statement like a request."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def fail(connection: DatabaseWrapper, words: str = "did not answer within") -> float:
    """Runs a statement that must fail. Returns its seconds."""
    started = time.monotonic()
    connection.close_if_unusable_or_obsolete()
    with pytest.raises(OperationalError, match=words):
        run(connection)
    connection.close_if_unusable_or_obsolete()
    return time.monotonic() - started


def test_a_statement_ends_at_the_deadline_and_later_ones_succeed(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    proxy.stall()

    assert DEADLINE_SECONDS <= fail(connection) < 2 * DEADLINE_SECONDS

    proxy.resume()
    run(connection)


def test_a_server_that_keeps_hanging_fails_at_once(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    proxy.stall()
    for _ in range(1 + FAILURES):
        fail(connection)

    assert sum(fail(connection, "next attempt within") for _ in range(10)) < DEADLINE_SECONDS


def test_a_hung_server_behind_a_pooler_fails_at_once(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    for _ in range(1 + FAILURES):
        proxy.stall(after=b"SELECT 1")
        fail(connection)
        proxy.resume()

    assert fail(connection, "next attempt within") < DEADLINE_SECONDS


def test_a_hung_host_is_skipped(proxy: Proxy) -> None:
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
    assert connect() < DEADLINE_SECONDS  # it tries the known primary first


def test_without_a_deadline_a_statement_waits_until_interrupted(
    connection: DatabaseWrapper, proxy: Proxy
) -> None:
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


def test_a_commit_ends_at_the_deadline(connection: DatabaseWrapper, proxy: Proxy) -> None:
    deadlines.set_for_process(DEADLINE_SECONDS)
    connection.set_autocommit(False)
    run(connection)
    proxy.stall()

    with pytest.raises(OperationalError, match="did not answer within"):
        connection.commit()
