"""How a row is measured: ours and the limit take turns, and only their ratio in one round counts.

A machine that is shared slows both down alike, so the ratio of two neighbours in time means
something where neither of the two figures does.
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
    """Somebody did other work than was asked, or got it wrong: the figure means nothing."""


class Sense(Enum):
    """What is compared with gate and goal, and which side of them is good."""

    SHARE = "ours / limit, at least"
    SIZE = "ours / limit, at most"
    ADDED = "ours - limit, at most"
    WITHIN = "ours, at most"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A row that is set up. Each call does one round's work and returns its figure."""

    ours: Measure
    limit: Measure | None = None  # None where the row is judged by ours alone
    check: Callable[[], None] = lambda: None  # after the last round; raises `CheckFailed`
    pid: int | None = None  # the process that does our work, for profiles


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table of goals."""

    name: str  # as ONLY takes it
    quantity: str
    limit: str  # what the limit is
    unit: str  # of ours and of the limit
    sense: Sense
    gate: float | None  # must hold; None in a row that only informs
    goal: float | None
    prepare: "Callable[[Testbed], AbstractContextManager[Comparison]]"
    rounds: int = 7
    warm_up: bool = True  # a first round that doesn't count


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
        """What gate and goal are about, round by round."""
        return [_figure(self.row.sense, one) for one in self.rounds]

    @property
    def figure(self) -> float:
        return statistics.median(self.figures)

    @property
    def ratio(self) -> float | None:
        return self.figure if self.row.sense in (Sense.SHARE, Sense.SIZE) else None

    def reaches(self, mark: float | None) -> bool | None:
        """None where there is no such mark."""
        if mark is None:
            return None
        return self.figure >= mark if self.row.sense is Sense.SHARE else self.figure <= mark

    @property
    def held(self) -> bool | None:
        return self.reaches(self.row.gate)


def play(comparison: Comparison, row: Row) -> Iterator[Round]:
    """The rounds that count. Who begins changes with each, so that no one has the better turn."""
    if row.warm_up:
        _play_round(comparison, ours_first=True)
    for number in range(row.rounds):
        yield _play_round(comparison, ours_first=number % 2 == 0)
    comparison.check()


def _play_round(comparison: Comparison, *, ours_first: bool) -> Round:
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
