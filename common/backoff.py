"""Exponential backoff."""

import random
from collections.abc import Iterator


def waits(first: float = 0.2, most: float = 5.0) -> Iterator[float]:
    """Seconds between attempts, doubled up to `most`. Jitter shortens each by up to half."""
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 not a secret
        wait = min(wait * 2, most)
