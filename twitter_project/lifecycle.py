"""Whether this server is stopping.

The workers that the server forks share the flag, so /ready says 503 in each of them and a load
balancer sends its requests elsewhere.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def mark_stopping(stopping: bool = True) -> None:
    """Safe in a signal handler: it takes no lock."""
    _flag[0] = stopping


def is_stopping() -> bool:
    return bool(_flag[0])
