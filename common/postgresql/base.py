"""Django's PostgreSQL: an end to every wait, a cheap health check, one or several hosts.

A kept connection may have died since the last request: the server was restarted, or ended it. Then
the end waits in the socket, so a socket that is silent belongs to a connection that lives, and
looking costs a microsecond. A network that drops what is idle says nothing, however; so after a
while without use, and whenever something waits in the socket, Django's own `SELECT 1` decides.

libpq itself goes from host to host, but not while we wait in its place: one that hangs would keep
it from the others. So each is asked by itself, first the one where the primary was found last.
"""

import logging
import select
import time
from collections.abc import Mapping
from functools import cache, cached_property
from types import TracebackType
from typing import Any

import psycopg2
from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from psycopg2.errors import ReadOnlySqlTransaction

from common.breakers import Breaker
from common.errors import Unavailable
from common.postgresql import deadlines, waiting

# Well below what firewalls and balancers grant an idle connection.
IDLE_SECONDS = 30.0

log = logging.getLogger(__name__)

waiting.install()

Place = tuple[str, str]  # host and port, or several, by commas
_found: dict[Place, Place] = {}


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
        named = str(conn_params.get("host", "")), str(conn_params.get("port", ""))
        before = _found.get(named)
        places = sorted(_places(*named), key=lambda place: place != before)
        complaints = []
        for place in places:
            try:
                connection = self._connect(conn_params, place)
            except psycopg2.OperationalError as error:
                if len(places) == 1:
                    raise
                complaints.append(f"{':'.join(place)}: {_first_line(error)}")
            else:
                if before not in (None, place):
                    log.warning("PostgreSQL is now at %s:%s", *place)
                _found[named] = place
                return connection
        raise psycopg2.OperationalError("; ".join(complaints))

    def _connect(self, conn_params: Mapping[str, Any], place: Place) -> Any:
        host, port = place
        # libpq takes what is None, and not what is empty, from its own environment
        there = {**conn_params, "host": host or None, "port": port or None}
        try:
            with breaker(*place).guard(), deadlines.while_connecting():
                connection = super().get_new_connection(there)
                if waiting.is_wary():  # a pooler lets in though the server behind it hangs
                    _ask(connection)
        except Unavailable as error:
            raise psycopg2.OperationalError(error.message) from None
        return connection

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return _Errors(self)

    def close_if_health_check_failed(self) -> None:
        """Called before the first statement of each request."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        now = time.monotonic()
        if now - self._checked_at < IDLE_SECONDS and self._is_silent():
            self.health_check_done = True
        else:
            with deadlines.while_connecting():
                super().close_if_health_check_failed()
        self._checked_at = now

    def _is_silent(self) -> bool:
        driver = self.connection
        if driver.closed:
            return False
        socket = select.poll()
        socket.register(driver.fileno(), select.POLLIN)
        return not socket.poll(0)


class _Errors(DatabaseErrorWrapper):
    """A server that takes no writes is the wrong one: an outage, and the end of the connection."""

    def __init__(self, wrapper: DatabaseWrapper) -> None:
        super().__init__(wrapper)
        self._connection = wrapper

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            return
        if isinstance(exc_value, ReadOnlySqlTransaction):
            self._connection.close()
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


def _places(host: str, port: str) -> list[Place]:
    hosts, ports = host.split(","), port.split(",")
    return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _ask(driver: Any) -> None:
    with driver.cursor() as cursor:
        cursor.execute("SELECT 1")
    driver.rollback()
