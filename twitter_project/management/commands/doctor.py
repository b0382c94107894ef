import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from twitter_project import doctor


class Command(BaseCommand):
    requires_system_checks = ()  # doctor runs them itself
    help = (
        "Checks databases, migrations, outbox, clocks, Redis, RabbitMQ and its queues, "
        "Elasticsearch and its index, gRPC servers, secrets and settings. Prints a line for each "
        "finding, for a problem with its remedy. Exits with 1 if there is a problem."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print problems only")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = 0
        for finding in doctor.run_checks():
            problems += finding.is_problem
            if finding.is_problem:
                self.stdout.write(f"PROBLEM  {finding.part}: {finding.text} → {finding.remedy}")
            elif not options["quiet"]:
                self.stdout.write(f"ok       {finding.part}: {finding.text}")
            self.stdout.flush()
        if problems:
            raise CommandError(f"{problems} problem{'s' if problems > 1 else ''} found")
