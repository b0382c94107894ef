"""Django's PostgreSQL, with a health check that rarely costs a query.

A kept connection may have died since the last request: the server was restarted, or ended it. Then
the end waits in the socket, so a socket that is silent belongs to a connection that lives, and
looking costs a microsecond. A network that drops what is idle says nothing, however; so after a
while without use, and whenever something waits in the socket, Django's own `SELECT 1` decides.
"""

import select
import time

from django.db.backends.postgresql import base

# Well below what firewalls and balancers grant an idle connection.
IDLE_SECONDS = 30.0


class DatabaseWrapper(base.DatabaseWrapper):
    health_check_enabled: bool
    health_check_done: bool
    _checked_at = float("-inf")

    def close_if_health_check_failed(self) -> None:
        """Called before the first statement of each request."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        now = time.monotonic()
        if now - self._checked_at < IDLE_SECONDS and self._is_silent():
            self.health_check_done = True
        else:
            super().close_if_health_check_failed()
        self._checked_at = now

    def _is_silent(self) -> bool:
        driver = self.connection
        if driver.closed:
            return False
        socket = select.poll()
        socket.register(driver.fileno(), select.POLLIN)
        return not socket.poll(0)
