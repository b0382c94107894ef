import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import track

from common import shards
from common.errors import OUTAGES, Unavailable
from feed import lists, pulling, store, truth


class Command(BaseCommand):
    help = (
        "Builds timelines anew from the database: those in Redis, or those of the users named. "
        "Readers are served meanwhile. Stopped half-way, it can be started again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("user_ids", nargs="*", type=int, metavar="USER_ID")
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing: only compare, and exit with 1 where a timeline differs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(options["user_ids"], only_check=options["check"])
        except (Unavailable, *OUTAGES) as error:
            raise CommandError(f"a part of the system is down: {error}") from None

    def _run(self, named: list[int], *, only_check: bool) -> None:
        user_ids = named or sorted(set(store.iter_materialised()))
        endings = [] if named or only_check else pulling.endings()
        if not only_check:
            _rebuild_authored()
        differing = 0
        for user_id in track(user_ids, "timelines", disable=not self.stderr.isatty()):
            if only_check:
                difference = truth.compare(user_id)
                if difference:
                    differing += 1
                    self.stdout.write(f"{lists.key(user_id)}: {difference}")
            else:
                store.forget(user_id)
                truth.build(user_id)
        for author_id, number in endings:  # nothing that they pulled is missing any more
            pulling.end(author_id, number)
        if differing:
            raise CommandError(
                f"{differing} of {len(user_ids)} timelines differ: rebuild_feed mends"
            )
        verb = "equal to the database" if only_check else "built anew"
        self.stdout.write(f"{len(user_ids)} timelines {verb}")


def _rebuild_authored() -> None:
    """What the timelines of pulled authors' followers are merged with."""
    for author_id in pulling.authors():
        for shard in shards.names():
            store.forget(author_id, lists.authored(shard))
            truth.build(author_id, lists.authored(shard))
