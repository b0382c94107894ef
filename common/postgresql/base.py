"""Django's PostgreSQL backend with deadlines, a cheap health check, and several hosts.

**Health check.** A kept connection may have died since the last request. If the server closed it,
its socket is readable, which costs a microsecond to find out. A network that drops idle connections
leaves no such sign. So Django's own `SELECT 1` runs only if the socket is readable, or after
`IDLE_SECONDS` without use.

**Hosts.** libpq would stop at the first host that hangs, because `common.postgresql.waiting` waits
in its place. So this module tries one host after the other, first the last known primary.
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

# Well below the idle timeouts of firewalls and load balancers.
IDLE_SECONDS = 30.0

log = logging.getLogger(__name__)

waiting.install()

Server = tuple[str, str]  # host and port, or several, separated by commas
_primaries: dict[Server, Server] = {}  # the last known one of each list of hosts


@cache
def breaker(host: str, port: str) -> Breaker:
    """The circuit breaker of one server, for all its databases."""
    return Breaker("PostgreSQL", lambda kind, _: issubclass(kind, waiting.NoAnswer))


class DatabaseWrapper(base.DatabaseWrapper):
    health_check_enabled: bool
    health_check_done: bool
    checked_at = float("-inf")  # the last health check

    def get_new_connection(self, conn_params: Mapping[str, Any]) -> Any:
        """A timed-out statement closes its connection; the next statement reconnects here."""
        configured = str(conn_params.get("host", "")), str(conn_params.get("port", ""))
        before = _primaries.get(configured)
        servers = sorted(_servers(*configured), key=lambda server: server != before)
        failures = []
        for server in servers:
            try:
                connection = self._connect(conn_params, server)
            except psycopg2.OperationalError as error:
                if len(servers) == 1:
                    raise
                failures.append(f"{':'.join(server)}: {_first_line(error)}")
            else:
                if before not in (None, server):
                    log.warning("the PostgreSQL primary is now %s:%s", *server)
                _primaries[configured] = server
                return connection
        raise psycopg2.OperationalError("; ".join(failures))

    def _connect(self, conn_params: Mapping[str, Any], server: Server) -> Any:
        host, port = server
        # None, because libpq replaces it from its environment, but not an empty string
        params = {**conn_params, "host": host or None, "port": port or None}
        try:
            with breaker(*server).guard(), deadlines.while_connecting():
                connection = super().get_new_connection(params)
                if waiting.hung_recently():  # a pooler accepts connections while its server hangs
                    _check(connection)
        except Unavailable as error:
            raise psycopg2.OperationalError(error.message) from None
        return connection

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return _Errors(self)

    def close_if_health_check_failed(self) -> None:
        """Django calls this before the first statement of each request."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        now = time.monotonic()
        if now - self.checked_at < IDLE_SECONDS and self.is_silent():
            self.health_check_done = True
        else:
            with deadlines.while_connecting():
                super().close_if_health_check_failed()
        self.checked_at = now

    def is_silent(self) -> bool:
        """Whether the connection is open and its socket has nothing to read."""
        driver = self.connection
        if driver.closed:
            return False
        socket = select.poll()
        socket.register(driver.fileno(), select.POLLIN)
        return not socket.poll(0)


class _Errors(DatabaseErrorWrapper):
    """Treats a read-only server as an outage, and closes the connection to it."""

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


def _servers(host: str, port: str) -> list[Server]:
    hosts, ports = host.split(","), port.split(",")
    return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _check(driver: Any) -> None:
    with driver.cursor() as cursor:
        cursor.execute("SELECT 1")
    driver.rollback()
