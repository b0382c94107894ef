from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from common.observability import monitor
from common.postgresql import deadlines
from messaging import loop_health, relay
from messaging.worker_command import require_broker, stop_on_signals


class Command(BaseCommand):
    requires_system_checks = ()  # they import the modules of the web process
    help = (
        "Publishes the events of the outbox to RabbitMQ until SIGTERM or Ctrl-C. "
        "Several relays share the work."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        require_broker()
        self.stdout.write("outbox relay: waiting for events; stop with SIGTERM or Ctrl-C")
        deadlines.set_for_process(settings.DATABASE_PATIENCE_SECONDS)
        stop = stop_on_signals()
        monitor.start(
            lambda: {loop_health.RELAY: loop_health.is_up(loop_health.RELAY) and not stop.is_set()},
            "messaging.backlog.Backlog",
        )
        relay.run(stop)
