from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from grpc_services.clients.tweets import Tweet
from search.command_checks import require_search
from search.index import Superseded
from search.rebuild import rebuild


class Command(BaseCommand):
    help = (
        "Builds a new search index beside the one in use, then replaces it. Searches and writes "
        "continue meanwhile. An interrupted rebuild can be started again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        require_search()
        bar = Progress(
            TextColumn("tweets up to {task.fields[day]}"),
            BarColumn(),
            TextColumn("{task.fields[loaded]:,} loaded"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not self.stderr.isatty(),
        )
        started = datetime.now(UTC)
        task = bar.add_task("", total=None, day="…", loaded=0)
        loaded = 0

        def report(page: Sequence[Tweet]) -> None:
            """Measures progress in time: from the first tweet to the start of the rebuild."""
            nonlocal loaded
            if not loaded:
                bar.update(task, total=(started - page[0].created_at).total_seconds())
            loaded += len(page)
            last = page[-1].created_at
            left = (started - last).total_seconds()
            done = (bar.tasks[0].total or 0) - left
            bar.update(task, completed=done, day=f"{last:%Y-%m-%d}", loaded=loaded)

        try:
            with bar:
                rebuild(report)
        except Superseded:
            raise CommandError("another rebuild_search has started and replaces this one") from None
        self.stdout.write(f"{loaded} tweets in the new search index")
