"""Measures a row: ours and the limit alternate, and each round yields their ratio.

A shared machine slows both down alike, so the ratio of two adjacent measurements is meaningful even
if neither figure is.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.testbed import Testbed

Measure = Callable[[], float]


class CheckFailed(Exception):
    """The measured work was wrong or incomplete, so there is no figure."""


class Sense(Enum):
    """The figure that is compared with gate and goal, and the direction that is better."""

    SHARE = "ours / limit, at least"
    SIZE = "ours / limit, at most"
    ADDED = "ours - limit, at most"
    WITHIN = "ours, at most"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A row that is set up. Each measurement does one round's work and returns its figure."""

    ours: Measure
    limit: Measure | None = None  # None if the row has no limit
    check: Callable[[], None] = lambda: None  # runs after the last round; raises CheckFailed
    pid: int | None = None  # the process to profile


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table in docs/performance.md."""

    name: str  # for `make bench ONLY=…`
    quantity: str
    limit: str  # describes the limit
    unit: str  # of ours and of the limit
    sense: Sense
    gate: float | None  # a worse figure fails the run; None in a row that only informs
    goal: float | None
    prepare: "Callable[[Testbed], AbstractContextManager[Comparison]]"
    rounds: int = 7
    warm_up: bool = True  # a first round that is not counted


@dataclass(frozen=True, kw_only=True)
class Round:
    ours: float
    limit: float | None


@dataclass(frozen=True, kw_only=True)
class Result:
    row: Row
    rounds: Sequence[Round]

    @property
    def ours(self) -> float:
        return statistics.median(one.ours for one in self.rounds)

    @property
    def limit(self) -> float | None:
        limits = [one.limit for one in self.rounds if one.limit is not None]
        return statistics.median(limits) if limits else None

    @property
    def figures(self) -> list[float]:
        """The figures of the rounds, to compare with gate and goal."""
        return [_figure(self.row.sense, one) for one in self.rounds]

    @property
    def figure(self) -> float:
        return statistics.median(self.figures)

    @property
    def ratio(self) -> float | None:
        return self.figure if self.row.sense in (Sense.SHARE, Sense.SIZE) else None

    def reaches(self, mark: float | None) -> bool | None:
        """None if there is no such mark."""
        if mark is None:
            return None
        return self.figure >= mark if self.row.sense is Sense.SHARE else self.figure <= mark

    @property
    def held(self) -> bool | None:
        return self.reaches(self.row.gate)


def measure(comparison: Comparison, row: Row) -> Iterator[Round]:
    """The rounds that count. Ours and the limit take turns in going first."""
    if row.warm_up:
        _measure_round(comparison, ours_first=True)
    for number in range(row.rounds):
        yield _measure_round(comparison, ours_first=number % 2 == 0)
    comparison.check()


def _measure_round(comparison: Comparison, *, ours_first: bool) -> Round:
    if comparison.limit is None:
        return Round(ours=comparison.ours(), limit=None)
    if ours_first:
        ours = comparison.ours()
        return Round(ours=ours, limit=comparison.limit())
    limit = comparison.limit()
    return Round(ours=comparison.ours(), limit=limit)


def _figure(sense: Sense, one: Round) -> float:
    if sense is Sense.WITHIN:
        return one.ours
    assert one.limit is not None
    return one.ours - one.limit if sense is Sense.ADDED else one.ours / one.limit
