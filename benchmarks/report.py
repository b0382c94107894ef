"""The table on the screen, and a JSON line per row in results/."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.harness import Result, Row, Sense
from common.times import format_time

RESULTS = Path(__file__).parent / "results"


def line(result: Result, *, commit: str, at: datetime) -> dict[str, Any]:
    """`low` and `high` are the extremes of the rounds' figures.

    `ratio` is None unless the figure is one.
    """
    row = result.row
    return {
        "name": row.name,
        "ours": _rounded(result.ours),
        "limit": _rounded(result.limit),
        "unit": row.unit,
        "ratio": _rounded(result.ratio),
        "low": _rounded(min(result.figures)),
        "high": _rounded(max(result.figures)),
        "rounds": len(result.rounds),
        "gate": row.gate,
        "goal": row.goal,
        "held": result.held,
        "commit": commit,
        "at": format_time(at),
    }


def keep(kept: dict[str, Any], folder: Path = RESULTS) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / f"{kept['name']}.jsonl").open("a") as file:
        file.write(json.dumps(kept) + "\n")


def latest(rows: Sequence[Row], folder: Path = RESULTS) -> Iterator[tuple[Row, dict[str, Any]]]:
    """The last line of each row that has one."""
    for row in rows:
        path = folder / f"{row.name}.jsonl"
        if path.exists():
            yield row, json.loads(path.read_text().splitlines()[-1])


def commit() -> str:
    """With a plus if the code has uncommitted changes."""
    number = _git("rev-parse", "--short", "HEAD").strip()
    is_changed = _git("status", "--porcelain", "--untracked-files=no", "--", "*.py", "*.lua")
    return f"{number}+" if is_changed else number


def table() -> Table:
    made = Table()
    for name in ("row", "unit", "limit", "ours", "ratio", "spread", "gate", "goal", "held"):
        made.add_column(name, justify="left" if name in ("row", "unit") else "right", no_wrap=True)
    return made


def add(to: Table, result: Result) -> None:
    row = result.row
    low, high = min(result.figures), max(result.figures)
    to.add_row(
        row.name,
        row.unit,
        "" if result.limit is None else _show(result.limit),
        _show(result.ours),
        _mark(row, result.figure),
        f"{_show(low)}…{_show(high)}",
        _mark(row, row.gate),
        _mark(row, row.goal),
        {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[result.held],
    )


def _mark(row: Row, value: float | None) -> str:
    if value is None:
        return ""
    if row.sense in (Sense.SHARE, Sense.SIZE):
        return f"{value:.2f}"
    return f"{'+' if row.sense is Sense.ADDED else ''}{_show(value)}"


def _show(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _git(*arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=RESULTS.parent, capture_output=True, text=True, check=False
    )
    return answer.stdout
