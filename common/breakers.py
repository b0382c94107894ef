"""Circuit breakers for servers that hang.

A server that is down refuses at once. A server that hangs would cost each request its whole
deadline, and finally block every thread. After `FAILURES` missed deadlines in a row, calls fail at
once for `PAUSE_SECONDS`. Then one caller tries again, and calls of others still fail.

The package is `circuitbreaker`, because pybreaker holds a lock during a call, on which threads
would queue.
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
    """A process's breaker for one server. `hung` tells whether an error is a missed deadline."""

    def __init__(self, name: str, hung: Predicate) -> None:
        self._name = name
        self._circuit = CircuitBreaker(FAILURES, PAUSE_SECONDS, hung, name)
        self._trying = threading.Lock()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Wraps a call. Raises `Unavailable` without calling while the breaker is open."""
        state = self._circuit.state
        if state == STATE_CLOSED:
            with self._circuit:
                yield
            return
        if state == STATE_OPEN or not self._trying.acquire(blocking=False):
            raise Unavailable(
                f"{self._name} does not answer; next attempt within {PAUSE_SECONDS} s"
            )
        try:
            with self._circuit:
                yield
        finally:
            self._trying.release()

    @property
    def is_open(self) -> bool:
        """Whether calls fail at once, without a try."""
        return bool(self._circuit.state == STATE_OPEN)

    def reset(self) -> None:
        self._circuit.reset()
