"""Rows without servers, and their results."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from benchmarks.harness import Comparison, Result, Round, Row, Sense

_ROW = Row(
    name="fanout",
    quantity="fan-out",
    limit="LPUSH",
    unit="deliveries/s",
    sense=Sense.SHARE,
    gate=0.5,
    goal=0.7,
    prepare=lambda testbed: nullcontext(Comparison(ours=lambda: 1.0)),
)


def row(sense: Sense = Sense.SHARE, **others: Any) -> Row:
    return replace(_ROW, sense=sense, **others)


def result(sense: Sense, *rounds: tuple[float, float | None], **others: Any) -> Result:
    """Each round is a pair of ours and the limit."""
    return Result(row=row(sense, **others), rounds=[Round(ours=o, limit=x) for o, x in rounds])
