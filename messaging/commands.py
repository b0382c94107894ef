"""What the commands that run until they are told to stop have in common."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from messaging.broker import broker
from messaging.worker import Worker


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set: what is in hand is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def require_broker() -> None:
    if not settings.RABBITMQ_URL:
        raise CommandError(
            "RABBITMQ_URL is not set: on embedded parts runserver does this work by itself"
        )


class WorkerCommand(BaseCommand):
    """A worker's command is the declaration of its worker."""

    worker: Worker

    def handle(self, *args: Any, **options: Any) -> None:
        require_broker()
        self.stdout.write(f"{self.worker.queue}: waiting for messages; SIGTERM or Ctrl-C ends")
        broker().consume(self.worker, stop_on_signals())
