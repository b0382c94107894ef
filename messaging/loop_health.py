"""Whether this process's loops are up: the relay, and the worker of each queue.

A loop that waits for a server is down, and comes up when the server is back.
"""

from common.observability.metrics import LOOP_UP

RELAY = "relay"

_up: dict[str, bool] = {}


def mark(loop: str, *, up: bool) -> None:
    if _up.get(loop) is not up:
        _up[loop] = up
        LOOP_UP.labels(loop).set(up)


def is_up(loop: str) -> bool:
    return _up.get(loop, False)
