import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.command_options import count
from common.errors import Unavailable
from messaging.broker import Message, broker, dead_queue
from messaging.events import Poison
from messaging.worker import Worker, workers

_SHOWN_BYTES = 2000


class Command(BaseCommand):
    help = (
        "Lists, shows and sends back dead letters: messages that are unreadable or that a handler "
        "failed on. Fix the cause before you send them back."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        queues = [worker.queue for worker in workers().values()]
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="the number of each queue's dead letters")
        show = actions.add_parser(
            "show", help="the oldest of a queue, one per line: id, type, reason, body"
        )
        send = actions.add_parser("send-back", help="move them back to their queue")
        for action in (show, send):
            action.add_argument("queue", choices=queues)
            action.add_argument("--limit", type=count, default=100, help="the most messages (100)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "list":
                self._list()
            elif options["action"] == "show":
                self._show(_worker(options["queue"]), options["limit"])
            else:
                self._send_back(_worker(options["queue"]), options["limit"])
        except Unavailable as error:
            raise CommandError(
                f"{error.message}: check that RabbitMQ is running, and start a worker once"
            ) from None

    def _list(self) -> None:
        for worker in workers().values():
            self.stdout.write(f"{worker.queue}\t{broker().depth(dead_queue(worker.queue))}")

    def _show(self, worker: Worker, limit: int) -> None:
        for message in broker().dead_letters(worker, limit):
            body = message.body[:_SHOWN_BYTES].decode(errors="backslashreplace")
            if len(message.body) > _SHOWN_BYTES:
                body += f"… ({len(message.body)} bytes)"
            parts = (message.message_id, message.routing_key, _reason(worker, message), body)
            self.stdout.write("\t".join(map(_printable, parts)))

    def _send_back(self, worker: Worker, limit: int) -> None:
        count = broker().send_back(worker, limit)
        self.stdout.write(f"{count} sent back to {worker.queue}")


def _reason(worker: Worker, message: Message) -> str:
    try:
        worker.read(message.routing_key, message.body)
    except Poison as error:
        return str(error)
    return "its handler failed: see the worker's log"


def _printable(text: str) -> str:
    """Escapes control characters, which could change the operator's terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _worker(queue: str) -> Worker:
    return next(worker for worker in workers().values() if worker.queue == queue)
