"""The SQLite file."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import Unavailable
from search.backends.sqlite.tables import CURRENT, execute, reanalyse

_TIMEOUT_SECONDS = 20.0

log = logging.getLogger(__name__)


class Database:
    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._thread = threading.local()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that waits for other writers at its start."""
        with self._transaction("IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._transaction("DEFERRED") as connection:
            yield connection

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._connect()
            connection.execute(f"BEGIN {kind}")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            log.warning("the search index can't be used: %s", error)
            raise Unavailable("the search index can't be used now") from error

    def _connect(self) -> sqlite3.Connection:
        """Each thread has a connection."""
        connection: sqlite3.Connection | None = getattr(self._thread, "connection", None)
        if connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, _TIMEOUT_SECONDS, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            execute(connection, CURRENT.create)
            reanalyse(connection)
            self._thread.connection = connection
        return connection
