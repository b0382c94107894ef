"""How long this process waits for PostgreSQL.

Who serves somebody says so when it starts. Anything else, a migration or an audit, may have
statements that take an hour, and waits for them until it is interrupted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CONNECT_SECONDS = 5.0
# A server that hangs is tried again and again, and by a thread that others may be waiting for.
_SERVER_CONNECT_SECONDS = 2.0

_of_process: float | None = None
_of_block: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_for_process(seconds: float | None) -> None:
    """On every statement of this process."""
    global _of_process
    _of_process = seconds


def seconds() -> float | None:
    """For a statement. None means for ever."""
    return _of_block.get() or _of_process


@contextmanager
def while_connecting() -> Iterator[None]:
    """Around what makes one, or asks whether it lives."""
    limit = _CONNECT_SECONDS
    if _of_process is not None:
        limit = min(_of_process, _SERVER_CONNECT_SECONDS)
    token = _of_block.set(limit)
    try:
        yield
    finally:
        _of_block.reset(token)
