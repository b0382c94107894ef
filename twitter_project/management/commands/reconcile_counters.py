import argparse
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from common.command_options import seconds
from twitter_project.auditing import counters


class Command(BaseCommand):
    help = (
        "Compares the counters of users and tweets with the rows that they count. "
        "Short for `audit --only counters`, which describes the output and the exit codes."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="set counters to the count")
        parser.add_argument(
            "--wait",
            type=seconds,
            default=10.0,
            metavar="SECONDS",
            help="maximum wait for events that change num_tweets, and then for a difference to "
            "disappear (10)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command(
            "audit",
            only=[counters.CHECK.name],
            repair=options["repair"],
            wait=options["wait"],
            stdout=self.stdout,
            stderr=self.stderr,
        )
