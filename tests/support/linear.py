"""Time that is linear in the length of a text."""

import time
from collections.abc import Callable

TRIES = 10


def assert_linear(work: Callable[[str], object], make_text: Callable[[int], str]) -> None:
    """Fails where 4 times the text takes over 9 times the CPU time: 4 is linear, 16 quadratic."""
    text, long_text = make_text(2_000), make_text(8_000)
    work(text)
    seconds, long_seconds = [], []
    for _ in range(TRIES):
        seconds.append(_measure(work, text))
        long_seconds.append(_measure(work, long_text))
        if min(long_seconds) < 9 * min(seconds):
            return
    raise AssertionError(
        f"{min(seconds):.6f} s for a text, {min(long_seconds):.6f} s for 4 times it"
    )


def _measure(work: Callable[[str], object], text: str) -> float:
    before = time.thread_time()
    work(text)
    return time.thread_time() - before
