"""The index in a SQLite file, by FTS5: what the embedded mode searches.

FTS5 is given tokens that are analysed already. Of a query that more than `WINDOW` tweets match, the
newest `WINDOW` are ranked. Snapshots stay in this process and end with it.
"""

import logging
import secrets
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from django.utils import timezone

from common import embedded_parts
from common.batches import batched
from common.errors import Unavailable
from common.http.pagination import Page, cut
from common.ids import parse_id
from common.times import format_time, from_ms, to_ms
from search.backends.sqlite_tables import (
    CURRENT,
    NEW,
    analyse_again,
    compare,
    is_indexed,
    make_row,
    put,
    run,
)
from search.index import (
    TOMBSTONES_KEPT,
    WINDOW,
    Document,
    Entry,
    Found,
    Hit,
    Place,
    Superseded,
    Tombstone,
    end_of_hour_ms,
    expired,
    freshness,
)
from search.query import Query

BULK = 500
SNAPSHOTS = 100
SNAPSHOT_SECONDS = 120.0

_TIMEOUT_SECONDS = 20.0

# The token of the rebuild that owns the new tables.
_REBUILDS = "CREATE TABLE IF NOT EXISTS rebuilds (token TEXT NOT NULL)"

log = logging.getLogger(__name__)


# Score, time of creation in ms, id.
_Ranked = list[tuple[float, int, int]]


class _Snapshot(NamedTuple):
    ends_at: float
    ranked: _Ranked


class SqliteIndex:
    def __init__(self, path: str) -> None:
        embedded_parts.register("search", self)
        self._path = Path(path)
        self._thread = threading.local()
        self._snapshots: OrderedDict[str, _Snapshot] = OrderedDict()
        self._snapshots_lock = threading.Lock()

    def prepare(self) -> None:
        with self.transaction():
            pass

    def write(self, entries: Iterable[Entry]) -> None:
        for rows in batched(map(make_row, entries), BULK):  # analysed before the transaction begins
            with self.transaction() as database:
                put(database, CURRENT, rows)
                if _is_building(database):
                    put(database, NEW, rows)

    def search(self, query: Query, *, place: Place, limit: int) -> Found:
        if not query:
            return Found()
        if place.seen:
            return self._search_snapshot(query, place, limit)
        with self.transaction("DEFERRED") as database:
            ranked = _rank(database, query, place)
            page = ranked[place.offset : place.offset + limit]
            hits = _read_hits(database, page)
        if place.offset + limit >= len(ranked):
            return Found(hits=hits, total=len(ranked))
        seen = tuple(str(id) for _, _, id in page)
        return Found(hits=hits, total=len(ranked), next=replace(place, seen=seen))

    def find_by_author(
        self, user_id: int, *, after_id: int | None = None, limit: int
    ) -> Page[Document]:
        with self.transaction("DEFERRED") as database:
            rows = database.execute(
                "SELECT id, content, created_ms FROM entries"
                " WHERE user_id = ? AND id > ? ORDER BY id LIMIT ?",
                (user_id, after_id or 0, limit + 1),
            ).fetchall()
        found = [
            Document(id=id, user_id=user_id, content=content, created_at=from_ms(created_ms))
            for id, content, created_ms in rows
        ]
        return cut(found, limit, lambda document: document.id)

    def differences(self, expected: Iterable[Document]) -> dict[int, str]:
        found: dict[int, str] = {}
        for rows in batched(map(make_row, expected), BULK):
            with self.transaction("DEFERRED") as database:
                for row, words in rows:
                    if wrong := compare(database, row, words):
                        found[row.id] = wrong
        return found

    def find_indexed(self, ids: Collection[int]) -> set[int]:
        with self.transaction("DEFERRED") as database:
            return {id for id in ids if is_indexed(database, "entries", id)}

    def iter_ids(self) -> Iterator[int]:
        after = 0
        while True:
            with self.transaction("DEFERRED") as database:
                rows = database.execute(
                    "SELECT id FROM entries WHERE deleted_ms IS NULL AND id > ?"
                    " ORDER BY id LIMIT ?",
                    (after, BULK),
                ).fetchall()
            yield from (id for (id,) in rows)
            if len(rows) < BULK:
                return
            after = rows[-1][0]

    def rebuild(self) -> "SqliteRebuild":
        return SqliteRebuild(self)

    def clear(self) -> None:
        with self.transaction() as database:
            run(database, [*CURRENT.drop, *NEW.drop, *CURRENT.make])
        with self._snapshots_lock:
            self._snapshots.clear()

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """A transaction of this thread's connection."""
        try:
            database = self._connection()
            database.execute(f"BEGIN {kind}")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            log.warning("the search index can't be used: %s", error)
            raise Unavailable("the search index can't be used now") from error

    def _connection(self) -> sqlite3.Connection:
        database: sqlite3.Connection | None = getattr(self._thread, "connection", None)
        if database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, _TIMEOUT_SECONDS, isolation_level=None)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            run(database, CURRENT.make)
            analyse_again(database)
            self._thread.connection = database
        return database

    def _search_snapshot(self, query: Query, place: Place, limit: int) -> Found:
        start = place.after[0] if place.after else place.offset
        with self.transaction("DEFERRED") as database:
            if place.snapshot:
                name, ranked = place.snapshot, self._snapshot(place.snapshot)
            else:
                name, ranked = self._keep(_rank(database, query, place))
            hits = _read_hits(database, ranked[start : start + limit])
        total = min(len(ranked) + len(place.seen), WINDOW)
        if start + limit >= len(ranked):
            return Found(hits=hits, total=total)
        after = (start + limit,)
        return Found(hits=hits, total=total, next=replace(place, snapshot=name, after=after))

    def _keep(self, ranked: _Ranked) -> tuple[str, _Ranked]:
        """Keeps a snapshot under a new name; the one unused for longest gives way."""
        name = secrets.token_urlsafe(8)
        with self._snapshots_lock:
            self._snapshots[name] = _Snapshot(time.monotonic() + SNAPSHOT_SECONDS, ranked)
            while len(self._snapshots) > SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return name, ranked

    def _snapshot(self, name: str) -> _Ranked:
        with self._snapshots_lock:
            kept = self._snapshots.pop(name, None)
            if kept is None or kept.ends_at < time.monotonic():
                raise expired()
            self._snapshots[name] = _Snapshot(time.monotonic() + SNAPSHOT_SECONDS, kept.ranked)
        return kept.ranked


class SqliteRebuild:
    """Begins by taking away what a rebuild that was killed has left."""

    def __init__(self, index: SqliteIndex) -> None:
        self._index = index
        self._token = secrets.token_hex(8)
        with index.transaction() as database:
            run(database, [_REBUILDS, "DELETE FROM rebuilds", *NEW.drop, *NEW.make])
            database.execute("INSERT INTO rebuilds VALUES (?)", (self._token,))

    def load(self, documents: Iterable[Document]) -> None:
        for rows in batched(map(make_row, documents), BULK):
            with self._transaction() as database:
                put(database, NEW, rows)

    def finish(self) -> None:
        """Takes along the recent tombstones: their `tweet.created` may still be on its way.

        Not those of tweets that were loaded, so exist after all: the database was set back.
        """
        oldest_ms = to_ms(timezone.now() - TOMBSTONES_KEPT)
        with self._transaction() as database:
            tombstones = database.execute(
                "SELECT id, deleted_ms FROM entries WHERE deleted_ms >= ?", (oldest_ms,)
            ).fetchall()
            entries = [
                Tombstone(id=id, deleted_at=from_ms(ms))
                for id, ms in tombstones
                if not is_indexed(database, "new_entries", id)
            ]
            put(database, NEW, [make_row(entry) for entry in entries])
            run(database, [*NEW.replace, "DELETE FROM rebuilds"])

    def abandon(self) -> None:
        with self._transaction() as database:
            run(database, [*NEW.drop, "DELETE FROM rebuilds"])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._index.transaction() as database:
            owner = database.execute("SELECT token FROM rebuilds").fetchone()
            if owner != (self._token,):
                raise Superseded
            yield database


def render(query: Query) -> str:
    """The query as FTS5's MATCH takes it."""
    words = [_column("content", " ".join(phrase.tokens)) for phrase in query.phrases]
    return " AND ".join([*words, *(_column("hashtags", name) for name in query.hashtags)])


def _column(name: str, phrase: str) -> str:
    return '{} : "{}"'.format(name, phrase.replace('"', '""'))


def _rank(database: sqlite3.Connection, query: Query, place: Place) -> _Ranked:
    """The hits but those seen, best first, as (score, created_ms, id)."""
    now_ms = end_of_hour_ms(place.hour)
    seen = {parse_id(key) for key in place.seen}
    rows = database.execute(
        "SELECT -bm25(words, 1.0, 0.0), created_ms, rowid FROM words"
        " WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?",
        (render(query), WINDOW),
    )
    return sorted(
        (
            ((relevance + len(query.hashtags)) * freshness(now_ms - created_ms), created_ms, id)
            for relevance, created_ms, id in rows
            if id not in seen
        ),
        reverse=True,
    )


def _read_hits(database: sqlite3.Connection, ranked: _Ranked) -> list[Hit]:
    ids = [id for _, _, id in ranked]
    marks = ", ".join("?" * len(ids))
    columns = "id, user_id, content, created_ms"
    rows = database.execute(
        f"SELECT {columns} FROM entries WHERE id IN ({marks}) AND NOT hidden",  # noqa: S608
        ids,
    )
    sources = {
        id: {
            "id": str(id),
            "user_id": str(user_id),
            "content": content,
            "created_at": format_time(from_ms(created_ms)),
        }
        for id, user_id, content, created_ms in rows
    }
    return [
        Hit(key=str(id), source=sources[id], score=score)
        for score, _, id in ranked
        if id in sources
    ]


def _is_building(database: sqlite3.Connection) -> bool:
    found = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'new_entries'").fetchone()
    return found is not None
