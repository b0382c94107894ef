import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError
from rich.progress import TaskID

from common.command_options import seconds
from common.errors import OUTAGES, Unavailable
from twitter_project.auditing import rounds
from twitter_project.auditing.findings import Check
from twitter_project.progress_bars import progress
from twitter_project.unmigrated import REMEDY, is_unmigrated

DAMAGED = 1
UNCERTAIN = 2


class Command(BaseCommand):
    help = (
        "Holds all that is made of the databases against them: outbox, what deleted accounts left, "
        "counters, timelines, search index and cached fragments. Prints a line for each "
        "difference. Everybody may go on writing meanwhile: what is only on its way is waited for. "
        "Ends with 0 where nothing differs or all was mended, with 1 where something differs, with "
        "2 where events stay on their way for too long or a part is down, so that nothing can be "
        "said."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what differs")
        parser.add_argument(
            "--only",
            action="append",
            choices=[check.name for check in rounds.CHECKS],
            metavar="PART",
            help="look at this part alone; may be given several times. One of: "
            + ", ".join(check.name for check in rounds.CHECKS),
        )
        parser.add_argument(
            "--wait",
            type=seconds,
            default=10.0,
            metavar="SECONDS",
            help="how long news may be on their way, and then how long a difference must stand "
            "before it counts (10)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        checks = [c for c in rounds.CHECKS if not options["only"] or c.name in options["only"]]
        self.found = self.left = self.uncertain = 0
        try:
            with progress() as bars:
                tasks = {c.name: bars.add_task(c.name, total=c.count()) for c in checks}
                for check in checks:
                    self._check(check, options, bars, tasks[check.name])
        except (Unavailable, *OUTAGES, ProgrammingError) as error:
            text = REMEDY if is_unmigrated() else f"a part of the system is down: {error}"
            raise CommandError(text, returncode=UNCERTAIN) from None
        self._conclude(repair=options["repair"])

    def _check(self, check: Check, options: dict[str, Any], bars: Any, task: TaskID) -> None:
        looked = 0

        def advance(count: int) -> None:
            nonlocal looked
            looked += count
            bars.update(task, completed=looked)

        for settled in rounds.run(
            check, seconds=options["wait"], mend=options["repair"], advance=advance
        ):
            for finding in settled.found:
                self.stdout.write(f"{check.name}: {finding}")
            if settled.are_certain:
                self.found += len(settled.found)
                self.left += len(settled.left)
            else:
                self.uncertain += len(settled.found)
        bars.update(task, total=looked, completed=looked)
        self.stdout.write(f"{check.name}: {looked} {check.unit} looked at")

    def _conclude(self, *, repair: bool) -> None:
        if self.uncertain:
            self.stderr.write(
                f"{self.uncertain} more differ while older news are on their way: "
                "run again when the queues are empty"
            )
        if self.left:
            advice = "run again" if repair else "--repair mends them"
            raise CommandError(
                f"{self.left} of {self.found} differences are left: {advice}"
                if repair
                else f"{self.found} differences: {advice}",
                returncode=DAMAGED,
            )
        if self.uncertain:
            raise CommandError("not everything can be judged now", returncode=UNCERTAIN)
        self.stdout.write(f"{self.found} differences mended" if self.found else "nothing differs")
