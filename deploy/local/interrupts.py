"""Signals that ask a script to end, as an exception, so that cleanup code runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number
        self.exit_status = 128 + number


def raise_on_interrupts() -> None:
    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    for number in INTERRUPTS:
        signal.signal(number, interrupt)


def ignore_interrupts() -> None:
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def delayed_interrupts() -> Iterator[None]:
    """Raises an interrupt only after the block, so that no process starts without its record."""
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in INTERRUPTS
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        raise Interrupted(received[0])
