import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError
from rich.progress import Progress, TaskID

from common.command_options import seconds
from common.errors import OUTAGES, Unavailable
from twitter_project.auditing import runner
from twitter_project.auditing.checks import Check
from twitter_project.progress_bars import progress
from twitter_project.unmigrated import REMEDY, is_unmigrated

DAMAGED = 1
UNCERTAIN = 2


class Command(BaseCommand):
    help = (
        "Compares everything derived from the databases with the databases: outbox, rows of "
        "deleted accounts, counters, timelines, search index and cached fragments. Prints a line "
        "for each difference. Users may keep writing: events in progress are waited for. Exits "
        "with 0 if there are no differences or all were repaired, with 1 if differences remain, "
        "with 2 if events stay in progress for too long or a server is down, so that the result "
        "is uncertain."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="repair the differences")
        parser.add_argument(
            "--only",
            action="append",
            choices=[check.name for check in runner.CHECKS],
            metavar="PART",
            help="check this part alone; may be repeated. One of: "
            + ", ".join(check.name for check in runner.CHECKS),
        )
        parser.add_argument(
            "--wait",
            type=seconds,
            default=10.0,
            metavar="SECONDS",
            help="maximum wait for events in progress, and then for a difference to disappear (10)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        checks = [c for c in runner.CHECKS if not options["only"] or c.name in options["only"]]
        self.damage = self.remaining = self.uncertain = 0
        try:
            with progress() as bars:
                tasks = {c.name: bars.add_task(c.name, total=c.count()) for c in checks}
                for check in checks:
                    self._check(check, options, bars, tasks[check.name])
        except (Unavailable, *OUTAGES, ProgrammingError) as error:
            text = (
                REMEDY if is_unmigrated() else f"a server is down: {' '.join(str(error).split())}"
            )
            raise CommandError(text, returncode=UNCERTAIN) from None
        self._conclude(repair=options["repair"])

    def _check(self, check: Check, options: dict[str, Any], bars: Progress, task: TaskID) -> None:
        checked = 0

        def advance(count: int) -> None:
            nonlocal checked
            checked += count
            bars.update(task, completed=checked)

        for result in runner.run(
            check, seconds=options["wait"], repair=options["repair"], advance=advance
        ):
            for finding in sorted([*result.damage, *result.uncertain]):
                self.stdout.write(f"{check.name}: {finding}")
            self.damage += len(result.damage)
            self.remaining += len(result.remaining)
            self.uncertain += len(result.uncertain)
        bars.update(task, total=checked, completed=checked)
        self.stdout.write(f"{check.name}: {checked} {check.unit} checked")

    def _conclude(self, *, repair: bool) -> None:
        if self.uncertain:
            self.stderr.write(
                f"{self.uncertain} more differences may be events in progress: "
                "run again when the queues are empty"
            )
        if self.remaining:
            raise CommandError(
                f"{self.remaining} of {self.damage} differences remain: run again"
                if repair
                else f"{self.damage} differences: run again with --repair",
                returncode=DAMAGED,
            )
        if self.uncertain:
            raise CommandError(
                "the result is uncertain: events are in progress", returncode=UNCERTAIN
            )
        self.stdout.write(
            f"{self.damage} differences repaired" if self.damage else "no differences"
        )
