"""Parts of a text, each by its start and its end."""

from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def drop_starting_in(spans: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """The spans that start in none of the others. Starts and ends ascend in both."""
    following = iter(others)
    other = next(following, None)
    for span in spans:
        while other and other[1] <= span[0]:
            other = next(following, None)
        if not other or span[0] < other[0]:
            yield span
