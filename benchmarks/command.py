"""The command line of `make bench` and `make profile`."""

import argparse
import sys
from collections.abc import Sequence

from django.utils import timezone
from pika.exceptions import AMQPError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import chart, profile, report
from benchmarks.harness import CheckFailed, Result, Row, measure
from benchmarks.rows import ROWS, services
from benchmarks.testbed import NotReady, Testbed
from common.errors import OUTAGES, Unavailable
from deploy.local.processes import ProcessFailed
from deploy.local.readiness import find_down_server

_BY_NAME = {row.name: row for row in ROWS}

_SERVER_DOWN = (Unavailable, *OUTAGES, AMQPError)
# The same, wrong work, or a process that did not start.
_FAILURES = (CheckFailed, ProcessFailed, *_SERVER_DOWN)

_console = Console(stderr=True)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 if every row has a figure and meets its gate."""
    options = _parse(arguments)
    rows = [_BY_NAME[name] for name in options.rows]
    down = find_down_server()
    starts_servers = down is not None and services.ROW in rows and not options.profile
    if down and not starts_servers:
        _console.print(f"{down} is down: start the servers with `make services`")
        return 1
    if not down and services.ROW in rows and not options.profile:
        _console.print("skipped: services (they are running; stop them with `make services-stop`)")
        rows.remove(services.ROW)
    try:
        if options.profile:
            return _profile(options.profile)
        return _measure(rows)
    except (NotReady, profile.NoProfile) as error:
        _console.print(str(error))
        return 1
    except _SERVER_DOWN as error:
        _console.print(f"a server went down: {' '.join(str(error).split())}")
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
        description="Measures each part of the system against the limit of the machine.",
        epilog="Rows: " + "; ".join(f"{row.name} ({row.quantity})" for row in ROWS),
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to measure (all)")
    parser.add_argument(
        "--profile",
        choices=sorted(profile.TARGETS),
        help="draw a flame graph of this row's work instead",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.rows) - set(_BY_NAME):
        parser.error(f"no such row: {', '.join(sorted(unknown))} (rows: {', '.join(_BY_NAME)})")
    options.rows = options.rows or list(_BY_NAME)
    return options


def _measure(rows: Sequence[Row]) -> int:
    """Measures the rows and prints their table."""
    table = report.table()
    commit = report.commit()
    all_held = True
    # services starts the servers, so it goes first
    in_turn = sorted(rows, key=lambda row: row is not services.ROW)
    with Testbed() as testbed, _progress() as progress:
        for row in in_turn:
            try:
                result = _measure_row(row, testbed, progress)
            except _FAILURES as error:
                progress.console.print(f"[red]{row.name}: no figure: {error}[/]")
                all_held = False
                continue
            all_held &= result.held is not False
            report.add(table, result)
            report.keep(report.line(result, commit=commit, at=timezone.now()))
    # a pipe has no width
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    chart.draw(list(report.latest(ROWS)))
    return 0 if all_held else 1


def _measure_row(row: Row, testbed: Testbed, progress: Progress) -> Result:
    task = progress.add_task(row.name, total=row.rounds)
    rounds = []
    if row is not services.ROW:
        testbed.set_up()
    with row.prepare(testbed) as comparison:
        for one in measure(comparison, row):
            rounds.append(one)
            progress.advance(task)
    return Result(row=row, rounds=rounds)


def _profile(target: str) -> int:
    row = _BY_NAME[profile.TARGETS[target]]
    with Testbed() as testbed:
        testbed.set_up()
        with row.prepare(testbed) as comparison:
            path = profile.record(target, comparison)
    _console.print(f"flame graph: {path}")
    return 0


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_console,
        refresh_per_second=2,  # the measurement needs the CPU
    )
