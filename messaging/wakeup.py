"""Wakes the relay after a commit, so that it publishes within milliseconds.

`wake` never waits and never fails. If a wake-up is lost, the relay's timer finds the event.
A `NOTIFY` inside the writing transaction would make all commits queue on one lock, which costs two
thirds of the write throughput (docs/decisions/0002-outbox-and-its-wakeup.md). So a thread sends it
after the commit, at most once in 5 ms.
"""

import logging
import select
import threading
from functools import cache
from typing import Any, Protocol, cast

from django.conf import settings
from django.db import Error, connections
from django.utils.module_loading import import_string

from common import embedded_parts

CHANNEL = "outbox"
_QUIET_SECONDS = 0.005

log = logging.getLogger(__name__)


class Wakeup(Protocol):
    def wake(self, using: str) -> None: ...

    def wait(self, using: str, timeout: float) -> None:
        """Returns after a wake-up for the database, or after `timeout` seconds.

        Returns at once after a new LISTEN, because earlier notifications were missed.
        """


class InProcessWakeup:
    """For a relay in the same process as the writers."""

    def __init__(self) -> None:
        embedded_parts.register("wakeup", self)
        self._woken: dict[str, threading.Event] = {}

    def wake(self, using: str) -> None:
        self._event(using).set()

    def wait(self, using: str, timeout: float) -> None:
        self._event(using).wait(timeout)
        self._event(using).clear()

    def _event(self, using: str) -> threading.Event:
        return self._woken.setdefault(using, threading.Event())


class PostgresWakeup:
    """For a relay and writers that are processes on one PostgreSQL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: set[str] = set()
        self._work = threading.Event()
        self._sender: threading.Thread | None = None
        self._listening_on: dict[str, Any] = {}

    def wake(self, using: str) -> None:
        with self._lock:
            self._pending.add(using)
            if self._sender is None or not self._sender.is_alive():
                self._sender = threading.Thread(
                    target=self._send_forever, name="outbox-wakeup", daemon=True
                )
                self._sender.start()
        self._work.set()

    def wait(self, using: str, timeout: float) -> None:
        if self._listen(using):
            return
        connection = connections[using]
        try:
            with connection.wrap_database_errors:
                # psycopg2 may have read a notification with a query's result; the socket stays
                # silent then
                if not _take_notifications(connection.connection):
                    select.select([connection.connection], [], [], timeout)
                    _take_notifications(connection.connection)
        except Error:
            connection.close()
            raise

    def _send_forever(self) -> None:
        pause = threading.Event()
        while True:
            self._work.wait()
            self._work.clear()
            with self._lock:
                pending, self._pending = self._pending, set()
            for using in pending:
                try:
                    _notify(using)
                except Error as error:
                    log.warning("could not wake the relay: %s", error)
            pause.wait(_QUIET_SECONDS)

    def _listen(self, using: str) -> bool:
        """Returns False if the connection already listens. A pooler would lose notifications."""
        connection = connections[using]
        connection.ensure_connection()
        if self._listening_on.get(using) is connection.connection:
            return False
        _execute(using, f"LISTEN {CHANNEL}")
        self._listening_on[using] = connection.connection
        return True


def _notify(using: str) -> None:
    """Uses this thread's connection, or a new one if that is broken."""
    try:
        _execute(using, f"NOTIFY {CHANNEL}")
    except Error:
        connections[using].close()
        _execute(using, f"NOTIFY {CHANNEL}")


def _execute(using: str, statement: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(statement)


def _take_notifications(driver: Any) -> bool:
    """Clears the notifications. Returns whether there were any."""
    driver.poll()
    found = bool(driver.notifies)
    driver.notifies.clear()
    return found


@cache
def backend() -> Wakeup:
    return cast(Wakeup, import_string(settings.OUTBOX_WAKEUP["BACKEND"])())


def wake(using: str) -> None:
    backend().wake(using)


def wait(using: str, timeout: float) -> None:
    backend().wait(using, timeout)
