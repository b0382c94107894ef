from typing import Any

from django.core.management.base import BaseCommand

from tweets import services


class Command(BaseCommand):
    help = (
        "Deletes what tweets no longer needs: idempotency keys older than two days. The relay does "
        "the same, a batch at a time; this does it all at once. It may be stopped and run again "
        "at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while count := services.prune_idempotency_keys():
            total += count
        self.stdout.write(f"{total} idempotency keys deleted")
