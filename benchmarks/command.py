"""What `make bench` and `make profile` do."""

import argparse
import sys
from collections.abc import Sequence

from django.utils import timezone
from pika.exceptions import AMQPError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import chart, profile, report
from benchmarks.harness import CheckFailed, Result, Row, play
from benchmarks.rows import ROWS, services
from benchmarks.testbed import NotReady, Testbed
from common.errors import OUTAGES, Unavailable
from deploy.local.processes import ProcessFailed
from deploy.local.readiness import find_down_server

_BY_NAME = {row.name: row for row in ROWS}

# A server that does not answer.
_GONE = (Unavailable, *OUTAGES, AMQPError)
# Or wrong work, or a process that did not start.
_NO_FIGURE = (CheckFailed, ProcessFailed, *_GONE)

_console = Console(stderr=True)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 where every row has a figure and holds its gate."""
    options = _parse(arguments)
    rows = [_BY_NAME[name] for name in options.rows]
    down = find_down_server()
    starts_servers = down is not None and services.ROW in rows and not options.profile
    if down and not starts_servers:
        _console.print(f"{down} is down: `make services` starts the test servers")
        return 1
    if not down and services.ROW in rows and not options.profile:
        _console.print("left out: services (they run already; `make services-stop` stops them)")
        rows.remove(services.ROW)
    try:
        if options.profile:
            return _profile(options.profile)
        return _measure(rows)
    except (NotReady, profile.NoProfile) as error:
        _console.print(str(error))
        return 1
    except _GONE as error:
        _console.print(f"a server went away: {' '.join(str(error).split())}")
        return 1
    except KeyboardInterrupt:
        _console.print("interrupted")
        return 130
    finally:
        if starts_servers:
            services.run("stop")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures how near the system comes to what the machine can do.",
        epilog="Rows: " + "; ".join(f"{row.name} ({row.quantity})" for row in ROWS),
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which to measure (all)")
    parser.add_argument(
        "--profile",
        choices=sorted(profile.TARGETS),
        help="draw a flame graph of this instead",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.rows) - set(_BY_NAME):
        parser.error(f"no such row: {', '.join(sorted(unknown))} (rows: {', '.join(_BY_NAME)})")
    options.rows = options.rows or list(_BY_NAME)
    return options


def _measure(rows: Sequence[Row]) -> int:
    """Shows each row as soon as it is measured, and all of them at the end."""
    table = report.table()
    commit = report.commit()
    is_well = True
    # the one that starts the servers goes first
    in_turn = sorted(rows, key=lambda row: row is not services.ROW)
    with Testbed() as testbed, _progress() as progress:
        for row in in_turn:
            try:
                result = _play(row, testbed, progress)
            except _NO_FIGURE as error:
                progress.console.print(f"[red]{row.name}: no figure, since {error}[/]")
                is_well = False
                continue
            is_well &= result.held is not False
            report.add(table, result)
            report.keep(report.line(result, commit=commit, at=timezone.now()))
    # piped, it is to be read all the same
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    chart.draw(list(report.latest(ROWS)))
    return 0 if is_well else 1


def _play(row: Row, testbed: Testbed, progress: Progress) -> Result:
    task = progress.add_task(row.name, total=row.rounds)
    rounds = []
    if row is not services.ROW:
        testbed.set_up()
    with row.prepare(testbed) as comparison:
        for one in play(comparison, row):
            rounds.append(one)
            progress.advance(task)
    return Result(row=row, rounds=rounds)


def _profile(target: str) -> int:
    row = _BY_NAME[profile.TARGETS[target]]
    with Testbed() as testbed:
        testbed.set_up()
        with row.prepare(testbed) as comparison:
            path = profile.record(target, comparison)
    _console.print(f"the flame graph: {path}")
    return 0


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_console,
        refresh_per_second=2,  # it runs beside what is measured
    )
