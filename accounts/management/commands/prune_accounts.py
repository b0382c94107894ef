from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from accounts import services


class Command(BaseCommand):
    help = (
        "Deletes what accounts remembers and nobody asks for any more: spent refresh tokens that "
        "have expired, and keys of tweet counts older than 90 days. Run it daily; it may be "
        "stopped and run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{_all(services.prune_spent_refreshes)} spent refresh tokens deleted")
        self.stdout.write(f"{_all(services.prune_tweet_counts)} keys of tweet counts deleted")


def _all(prune_batch: Callable[[], int]) -> int:
    total = 0
    while count := prune_batch():
        total += count
    return total
