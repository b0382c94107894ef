"""The chart in the README: each row's progress towards its goal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")  # needs no display

from matplotlib.figure import Figure

from benchmarks.harness import Row, Sense

CHART = Path(__file__).parent / "results" / "chart.svg"

_LONGEST = 1.5  # longer bars are cut off
_HELD, _MISSED, _INK, _PALE = "#2f9e6b", "#d0593f", "#24292f", "#8c959f"


def draw(kept: Sequence[tuple[Row, dict[str, Any]]], path: Path = CHART) -> None:
    """From rows and their JSON lines, the first one on top."""
    # equal figures yield an equal file
    matplotlib.rcParams.update({"svg.hashsalt": "benchmarks", "svg.fonttype": "none"})
    shown = [(row, line) for row, line in kept if row.goal is not None]
    figure = Figure(figsize=(10, 1.1 + 0.42 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for position, (row, line) in enumerate(shown):
        length = min(progress(row, figure_of(row, line)), _LONGEST)
        axes.barh(position, length, height=0.62, color=_HELD if line["held"] else _MISSED)
        axes.text(
            _LONGEST + 0.05, position, describe(row, line), va="center", fontsize=9, color=_INK
        )
        if row.gate is not None:
            gate = progress(row, row.gate)
            axes.plot([gate, gate], [position - 0.38, position + 0.38], color=_INK, linewidth=2)
    axes.axvline(1, color=_PALE, linestyle=(0, (4, 3)), linewidth=1)
    axes.set_yticks(range(len(shown)), [row.quantity for row, _ in shown], fontsize=9, color=_INK)
    axes.set_xticks([0, 0.5, 1], ["0", "half the goal", "goal"], fontsize=9, color=_INK)
    axes.set_xlim(0, _LONGEST + 0.65)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title(
        "Longer is better. Black: the gate (below it, a run fails)",
        loc="left",
        fontsize=9,
        color=_PALE,
    )
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def figure_of(row: Row, line: dict[str, Any]) -> float:
    """The figure to compare with gate and goal."""
    if row.sense is Sense.WITHIN:
        return float(line["ours"])
    if row.sense is Sense.ADDED:
        return float(line["ours"] - line["limit"])
    return float(line["ratio"])


def progress(row: Row, figure: float) -> float:
    """1 at the goal and more beyond it, in either direction."""
    assert row.goal is not None
    if row.sense is Sense.SHARE:
        return figure / row.goal
    return row.goal / figure if figure > 0 else _LONGEST


def describe(row: Row, line: dict[str, Any]) -> str:
    figure = figure_of(row, line)
    if row.sense is Sense.WITHIN:
        return f"{figure:.3g} {row.unit}"
    if row.sense is Sense.ADDED:
        return f"{figure:+.3g} {row.unit}"
    return f"{figure:.2f} of {line['limit']:,.0f} {row.unit}"
