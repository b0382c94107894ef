from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from accounts import services


class Command(BaseCommand):
    help = (
        "Deletes what accounts no longer needs: expired spent refresh tokens, keys of tweet counts "
        "older than 90 days, and expired sessions of the admin. The relay does the same, a batch "
        "at a time; this does it all at once. It may be stopped and run again at any time."
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
