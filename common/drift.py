"""Counters held against the rows that they count."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Model


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """A counter that says something else than the rows."""

    owner: str  # "user" or "tweet"
    id: int
    counter: str
    stored: int
    counted: int

    def __str__(self) -> str:
        return f"{self.owner} {self.id}: {self.counter} is {self.stored}, counted {self.counted}"


def find_drift(
    owner: str, rows: Iterable[Model], counted: Mapping[str, Mapping[int, int]]
) -> list[Drift]:
    """`counted` holds for each counter, by the row's id, what there is to count."""
    counters = [
        Drift(owner, row.pk, counter, getattr(row, counter), counts.get(row.pk, 0))
        for row in rows
        for counter, counts in counted.items()
    ]
    return [drift for drift in counters if drift.stored != drift.counted]
