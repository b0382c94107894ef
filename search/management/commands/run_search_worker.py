from typing import Any

from common.errors import Unavailable
from messaging.worker_command import WorkerCommand, require_broker
from search.command_checks import require_search
from search.handlers import SLICES, WORKER
from search.index import index


class Command(WorkerCommand):
    help = "Indexes tweets until SIGTERM or Ctrl-C. Several processes share the work."
    workers = (WORKER, SLICES)

    def handle(self, *args: Any, **options: Any) -> None:
        require_search()
        require_broker()
        try:
            index().prepare()  # before another program creates the index
        except Unavailable:
            self.stderr.write(
                "the search index is down: messages stay in the queue until it is back"
            )
        super().handle(*args, **options)
