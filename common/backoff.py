"""Growing waits between attempts."""

import random
from collections.abc import Iterator


def waits(first: float = 0.2, most: float = 5.0) -> Iterator[float]:
    """Seconds, doubling up to `most`, each shortened by up to half, lest many wake at once."""
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 no secret
        wait = min(wait * 2, most)
