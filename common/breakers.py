"""Nobody waits for a part that is known to hang.

A part that is down refuses at once, and costs nothing. One that doesn't answer at all would cost
each request its whole deadline, and so in the end every thread. After some deadlines in a row it is
therefore not asked for a moment; then one caller tries, and the others go on without it.

By `circuitbreaker`; pybreaker holds a lock while it calls, so that threads would queue.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from circuitbreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker  # type: ignore[import-untyped]

from common.errors import Unavailable

FAILURES = 3
PAUSE_SECONDS = 3

Predicate = Callable[[type[BaseException], BaseException], bool]


class Breaker:
    """Of one process, for one part. `hung` says of an error whether the part did not answer."""

    def __init__(self, name: str, hung: Predicate) -> None:
        self._name = name
        self._circuit = CircuitBreaker(FAILURES, PAUSE_SECONDS, hung, name)
        self._trying = threading.Lock()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around a call. Raises `Unavailable` instead while the part is left alone."""
        state = self._circuit.state
        if state == STATE_CLOSED:
            with self._circuit:
                yield
            return
        if state == STATE_OPEN or not self._trying.acquire(blocking=False):
            raise Unavailable(f"{self._name} does not answer; it is asked again in a moment")
        try:
            with self._circuit:
                yield
        finally:
            self._trying.release()

    def reset(self) -> None:
        """As in a new process."""
        self._circuit.reset()
