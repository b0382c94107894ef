"""Drift: a counter whose value differs from the number of rows that it counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Model


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    owner: str  # "user" or "tweet"
    id: int
    counter: str
    stored: int
    counted: int


def find_drift(
    owner: str, rows: Iterable[Model], counted: Mapping[str, Mapping[int, int]]
) -> list[Drift]:
    """`counted` maps each counter to the number of rows by the owner's id."""
    counters = [
        Drift(owner, row.pk, counter, getattr(row, counter), counts.get(row.pk, 0))
        for row in rows
        for counter, counts in counted.items()
    ]
    return [drift for drift in counters if drift.stored != drift.counted]
