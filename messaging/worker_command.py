"""The parts that the commands of the workers and the relay share."""

import signal
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.observability import monitor
from common.postgresql import deadlines
from messaging import loop_health
from messaging.broker import broker
from messaging.worker import Worker


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set. The batch in progress is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def require_broker() -> None:
    if not settings.RABBITMQ_URL:
        raise CommandError(
            "RABBITMQ_URL is not set: set it, or use runserver, which needs no RabbitMQ"
        )


class WorkerCommand(BaseCommand):
    """Runs `workers`, each in a thread of its own."""

    workers: tuple[Worker, ...]
    requires_system_checks = ()  # they import the modules of the web process

    def handle(self, *args: Any, **options: Any) -> None:
        require_broker()
        queues = ", ".join(worker.queue for worker in self.workers)
        self.stdout.write(f"{queues}: waiting for messages; stop with SIGTERM or Ctrl-C")
        deadlines.set_for_process(settings.DATABASE_PATIENCE_SECONDS)
        stop = stop_on_signals()
        monitor.start(lambda: self._ready(stop))
        with ThreadPoolExecutor(len(self.workers)) as pool:
            consuming = [pool.submit(broker().consume, worker, stop) for worker in self.workers]
            wait(consuming, return_when=FIRST_EXCEPTION)
            stop.set()
        for ended in consuming:
            ended.result()

    def _ready(self, stop: threading.Event) -> dict[str, bool]:
        """A queue is up while it is consumed and the servers that its handlers need answer."""
        queues = (worker.queue for worker in self.workers)
        return {queue: loop_health.is_up(queue) and not stop.is_set() for queue in queues}
