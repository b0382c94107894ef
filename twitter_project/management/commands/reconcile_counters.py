import argparse
from math import ceil
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from common.command_options import seconds
from common.drift import Drift
from tweets.models import Tweet
from twitter_project import reconciliation
from twitter_project.progress_bars import progress
from twitter_project.reconciliation import PAGE


class Command(BaseCommand):
    help = (
        "Holds the counters of users and tweets against the rows that they count, and says which "
        "differ. Everybody may go on writing meanwhile. Ends with 1 where one differs and was not "
        "repaired."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="set them to what was counted")
        parser.add_argument(
            "--wait",
            type=seconds,
            default=30.0,
            metavar="SECONDS",
            help="for tweets that are on their way to be counted, before num_tweets is judged (30)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = _find_drift()
        if found:
            found = self._confirm(found, options["wait"])
        for drift in found:
            self.stdout.write(str(drift))
        if not found:
            self.stdout.write("every counter says what the rows say")
        elif not options["repair"]:
            raise CommandError(f"{len(found)} counters differ: --repair sets them")
        else:
            self._repair(found)

    def _confirm(self, found: list[Drift], wait: float) -> list[Drift]:
        """Without what was only under way."""
        others = [drift for drift in found if drift.counter != "num_tweets"]
        if len(others) < len(found) and not reconciliation.wait_for_news(wait):
            self.stderr.write("tweets are still on their way to be counted: num_tweets is left")
            found = others
        return reconciliation.look_again(found)

    def _repair(self, found: list[Drift]) -> None:
        reconciliation.repair(found)
        left = reconciliation.look_again(found)
        if left:
            raise CommandError(f"{len(left)} of {len(found)} counters changed meanwhile: run again")
        self.stdout.write(f"{len(found)} counters repaired")


def _find_drift() -> list[Drift]:
    with progress() as bars:
        pages = {
            "users": 2 * ceil(User.objects.count() / PAGE),  # once for follows, once for tweets
            "tweets": ceil(Tweet.objects.tweets().count() / PAGE),
        }
        tasks = {name: bars.add_task(name, total=total) for name, total in pages.items()}
        return reconciliation.find_drift(lambda name: bars.advance(tasks[name]))
