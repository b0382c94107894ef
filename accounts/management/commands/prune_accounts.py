from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from accounts import services


class Command(BaseCommand):
    help = (
        "Deletes expired rows of accounts: spent refresh tokens, keys of tweet counts after 90 "
        "days, and sessions of the admin. The relay does this continuously, in batches; this "
        "command deletes all of them at once. It can be stopped and run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{_all(services.prune_spent_refreshes)} spent refresh tokens deleted")
        self.stdout.write(f"{_all(services.prune_tweet_counts)} keys of tweet counts deleted")
        self.stdout.write(f"{_all(services.prune_admin_sessions)} sessions of the admin deleted")


def _all(prune_batch: Callable[[], int]) -> int:
    total = 0
    while count := prune_batch():
        total += count
    return total
