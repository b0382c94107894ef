"""Splits iterables into batches."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter, like `itertools.batched` of 3.12."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
