"""Builds new tables beside those in use."""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.utils import timezone

from common.batches import batched
from common.times import from_ms, to_ms
from search.backends.sqlite.database import Database
from search.backends.sqlite.tables import BULK, NEW, execute, is_indexed, make_row, put
from search.index import TOMBSTONES_KEPT, Document, Superseded, Tombstone

# Its row names the rebuild that owns the new tables.
_CREATE_REBUILDS = "CREATE TABLE IF NOT EXISTS rebuilds (token TEXT NOT NULL)"
_END_REBUILDS = "DELETE FROM rebuilds"


class SqliteRebuild:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._token = secrets.token_hex(8)
        with database.write() as connection:
            execute(connection, [_CREATE_REBUILDS, _END_REBUILDS, *NEW.drop, *NEW.create])
            connection.execute("INSERT INTO rebuilds VALUES (?)", (self._token,))

    def load(self, documents: Iterable[Document]) -> None:
        for rows in batched(map(make_row, documents), BULK):
            with self._write() as connection:
                put(connection, NEW, rows)

    def finish(self) -> None:
        oldest_ms = to_ms(timezone.now() - TOMBSTONES_KEPT)
        with self._write() as connection:
            tombstones = connection.execute(
                "SELECT id, deleted_ms FROM entries WHERE deleted_ms >= ?", (oldest_ms,)
            ).fetchall()
            entries = [
                Tombstone(id=id, deleted_at=from_ms(ms))
                for id, ms in tombstones
                if not is_indexed(connection, NEW, id)
            ]
            put(connection, NEW, [make_row(entry) for entry in entries])
            execute(connection, [*NEW.replace_current, _END_REBUILDS])

    def abandon(self) -> None:
        with self._write() as connection:
            execute(connection, [*NEW.drop, _END_REBUILDS])

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._database.write() as connection:
            owner = connection.execute("SELECT token FROM rebuilds").fetchone()
            if owner != (self._token,):
                raise Superseded
            yield connection
