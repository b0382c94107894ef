"""Django's PostgreSQL, with an end to every wait and a health check that rarely costs a query.

A kept connection may have died since the last request: the server was restarted, or ended it. Then
the end waits in the socket, so a socket that is silent belongs to a connection that lives, and
looking costs a microsecond. A network that drops what is idle says nothing, however; so after a
while without use, and whenever something waits in the socket, Django's own `SELECT 1` decides.
"""

import select
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import psycopg2
from django.db.backends.postgresql import base

from common.breakers import Breaker
from common.errors import Unavailable
from common.postgresql import deadlines, waiting

# Well below what firewalls and balancers grant an idle connection.
IDLE_SECONDS = 30.0

waiting.install()


@cache
def breaker(host: str, port: str) -> Breaker:
    """Of a server, whichever of its databases is asked."""
    return Breaker("PostgreSQL", lambda kind, _: issubclass(kind, waiting.NoAnswer))


class DatabaseWrapper(base.DatabaseWrapper):
    health_check_enabled: bool
    health_check_done: bool
    _checked_at = float("-inf")

    def get_new_connection(self, conn_params: Mapping[str, Any]) -> Any:
        """A statement that waited in vain has cost the connection: all that follow come here."""
        place = str(conn_params.get("host", "")), str(conn_params.get("port", ""))
        try:
            with breaker(*place).guard(), deadlines.of_a_connection():
                connection = super().get_new_connection(conn_params)
                if waiting.is_wary():  # a pooler lets in though the server behind it hangs
                    _ask(connection)
        except Unavailable as error:
            raise psycopg2.OperationalError(error.message) from None
        return connection

    def close_if_health_check_failed(self) -> None:
        """Called before the first statement of each request."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        now = time.monotonic()
        if now - self._checked_at < IDLE_SECONDS and self._is_silent():
            self.health_check_done = True
        else:
            with deadlines.of_a_connection():
                super().close_if_health_check_failed()
        self._checked_at = now

    def _is_silent(self) -> bool:
        driver = self.connection
        if driver.closed:
            return False
        socket = select.poll()
        socket.register(driver.fileno(), select.POLLIN)
        return not socket.poll(0)


def _ask(driver: Any) -> None:
    with driver.cursor() as cursor:
        cursor.execute("SELECT 1")
    driver.rollback()
