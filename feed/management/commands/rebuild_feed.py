import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import track

from common.batches import batched
from common.ids import parse_id
from common.redis import shards
from feed import differences, lists, pulling, reads, rebuilding, writes
from grpc_services.clients import accounts


class Command(BaseCommand):
    help = (
        "Rebuilds timelines from the database: all that are in Redis, or those of the given users. "
        "Readers are served meanwhile. After an interruption, run it again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "user_ids",
            nargs="*",
            type=_user_id,
            metavar="USER_ID",
            help="rebuild only the timelines of these users",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="only compare, change nothing; exit with 1 if a timeline differs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        named: list[int] = options["user_ids"]
        _require_users(named)
        user_ids = named or sorted(set(reads.iter_materialised()))
        if options["check"]:
            self._compare(user_ids)
            return
        endings = [] if named else pulling.endings()
        self._rebuild(user_ids)
        for author_id, number in endings:  # rebuilt timelines hold the entries that were not pushed
            pulling.end(author_id, number)

    def _compare(self, user_ids: Sequence[int]) -> None:
        differing = 0
        for user_id in self._track(user_ids):
            if difference := differences.compare(user_id):
                differing += 1
                self.stdout.write(f"{lists.key(user_id)}: {difference}")
        if differing:
            raise CommandError(
                f"{differing} of {len(user_ids)} timelines differ; rebuild_feed repairs them"
            )
        self.stdout.write(f"{len(user_ids)} timelines compared, no differences")

    def _rebuild(self, user_ids: Sequence[int]) -> None:
        _rebuild_authored()
        for user_id in self._track(user_ids):
            writes.forget(user_id)
            rebuilding.build(user_id)
        self.stdout.write(f"{len(user_ids)} timelines rebuilt")

    def _track(self, user_ids: Sequence[int]) -> Iterable[int]:
        return track(user_ids, "timelines", disable=not self.stderr.isatty())


def _user_id(text: str) -> int:
    id = parse_id(text)
    if id is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an id, a number from 1 to 2^63 - 1")
    return id


def _require_users(user_ids: Sequence[int]) -> None:
    for ids in batched(user_ids, 1000):
        unknown = sorted(set(ids) - set(accounts.get_users(ids)))
        if unknown:
            raise CommandError(f"there is no user {unknown[0]}")


def _rebuild_authored() -> None:
    """Rebuilds the lists that readers merge into their timelines."""
    for author_id in pulling.authors():
        for shard in shards.names():
            writes.forget(author_id, lists.authored(shard))
            rebuilding.build(author_id, lists.authored(shard))
