"""The time that this process waits for PostgreSQL.

A server, relay or worker sets a deadline when it starts. Other commands, such as a migration, have
none, because their statements may take an hour.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CONNECT_SECONDS = 5.0
# In a process with a deadline, where other requests may wait for the thread.
_SERVER_CONNECT_SECONDS = 2.0

_of_process: float | None = None
_of_block: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_for_process(seconds: float | None) -> None:
    """Sets the deadline of every statement of this process. None removes it."""
    global _of_process
    _of_process = seconds


def seconds() -> float | None:
    """The deadline of a statement, or None."""
    return _of_block.get() or _of_process


@contextmanager
def while_connecting() -> Iterator[None]:
    """Sets the deadline for opening or checking a connection."""
    limit = _CONNECT_SECONDS
    if _of_process is not None:
        limit = min(_of_process, _SERVER_CONNECT_SECONDS)
    token = _of_block.set(limit)
    try:
        yield
    finally:
        _of_block.reset(token)
