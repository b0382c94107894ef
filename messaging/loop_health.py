"""Which loops of this process do their work: the relay, and the worker of each queue.

One that waits for a server is not up, and comes up again by itself.
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
