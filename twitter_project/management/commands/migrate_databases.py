import argparse
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections


class Command(BaseCommand):
    help = (
        "Migrates every configured database: the one that all services share, or each service's "
        "own. Run it once, before new code starts."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="migrate nothing; exit with 1 if a migration is unapplied",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for using in connections:
            call_command(
                "migrate",
                database=using,
                check_unapplied=options["check"],
                interactive=False,
                verbosity=options["verbosity"],
                stdout=self.stdout,
            )
