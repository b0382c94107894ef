"""Waits for PostgreSQL's answers, up to the deadline.

libpq waits as long as the connection is open, and the kernel of a server that hangs keeps it open.
So psycopg2 calls `_wait` instead, which costs some five microseconds per statement. It also lets
Ctrl-C interrupt a statement, and rules out COPY.
"""

import select
import time
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, set_wait_callback

from common.postgresql import deadlines

_READABLE, _WRITABLE = select.POLLIN, select.POLLOUT

_hung_at = float("-inf")  # the last missed deadline
_RECENT_SECONDS = 60.0


class NoAnswer(psycopg2.OperationalError):
    """A missed deadline. The statement may have run; its connection is closed."""


def hung_recently() -> bool:
    """Whether a server missed a deadline in the last minute."""
    return time.monotonic() - _hung_at < _RECENT_SECONDS


def forget_hangs() -> None:
    """Restores the state of a new process. Tests use it."""
    global _hung_at
    _hung_at = float("-inf")


def _wait(connection: Any) -> None:
    """psycopg2 closes the connection when this raises."""
    seconds = deadlines.seconds()
    ends_at = None if seconds is None else time.monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        poller = select.poll()
        # each round may have another socket, while libpq tries a host name's addresses
        poller.register(connection.fileno(), _READABLE if state == POLL_READ else _WRITABLE)
        left = None if ends_at is None else max(0.0, ends_at - time.monotonic()) * 1000
        if not poller.poll(left):
            _give_up(seconds)


def _give_up(seconds: float | None) -> None:
    global _hung_at
    _hung_at = time.monotonic()
    raise NoAnswer(f"PostgreSQL did not answer within {seconds:g} s")


def install() -> None:
    set_wait_callback(_wait)
