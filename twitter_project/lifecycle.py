"""Whether this server is on its way out.

The flag is shared with the worker processes that the server has forked: a balancer that asks one of
them for /ready learns in time to send its requests elsewhere.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def mark_stopping(stopping: bool = True) -> None:
    """Harmless in a signal handler: it takes no lock."""
    _flag[0] = stopping


def is_stopping() -> bool:
    return bool(_flag[0])
