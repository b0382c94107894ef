"""The wait for an answer, with an end.

libpq waits for an answer as long as the connection stands, and that of a server which hangs stands:
its kernel goes on confirming packets. psycopg2 leaves the waiting to us instead, which costs each
statement some five microseconds, and lets Ctrl-C through. There is no COPY that way.
"""

import select
import time
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, set_wait_callback

from common.postgresql import deadlines

_READABLE, _WRITABLE = select.POLLIN, select.POLLOUT

# When somebody last waited in vain.
_hung_at = float("-inf")
_WARY_SECONDS = 60.0


class NoAnswer(psycopg2.OperationalError):
    """Within the deadline. What became of the statement is unknown, and its connection closed."""


def is_wary() -> bool:
    """Whether a server hung lately."""
    return time.monotonic() - _hung_at < _WARY_SECONDS


def _wait(connection: Any) -> None:
    """psycopg2 closes the connection when this raises."""
    seconds = deadlines.seconds()
    ends_at = None if seconds is None else time.monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        poller = select.poll()
        # of another socket in each round while a host name's addresses are tried
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
