"""Runs the relay and the workers as threads of the web process, in the embedded mode."""

import atexit
import threading

from django.conf import settings

from messaging import relay
from messaging.broker import broker
from messaging.worker import workers


def start() -> None:
    stop = threading.Event()
    atexit.register(stop.set)
    threading.Thread(target=relay.run, args=(stop,), name="relay", daemon=True).start()
    for name, worker in workers().items():
        service, _, _ = name.partition(".")
        if service in settings.SERVICES:
            threading.Thread(
                target=broker().consume, args=(worker, stop), name=worker.queue, daemon=True
            ).start()
