from typing import Any

from django.core.management.base import BaseCommand

from tweets import services


class Command(BaseCommand):
    help = (
        "Deletes all idempotency keys older than two days. The relay deletes them too, in batches. "
        "The command can be stopped and run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while count := services.prune_idempotency_keys():
            total += count
        self.stdout.write(f"{total} idempotency keys deleted")
