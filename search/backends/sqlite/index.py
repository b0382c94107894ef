"""The index in use, and writes to it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from common import embedded_parts
from common.batches import batched
from common.http.pagination import Page, cut
from common.times import from_ms
from search.backends.sqlite.database import Database
from search.backends.sqlite.hits import rank, read_hits
from search.backends.sqlite.rebuild import SqliteRebuild
from search.backends.sqlite.snapshots import Snapshots
from search.backends.sqlite.tables import (
    BULK,
    CURRENT,
    NEW,
    compare,
    execute,
    exists,
    is_indexed,
    make_row,
    put,
)
from search.index import WINDOW, Document, Entry, Found, Position
from search.query import Query


class SqliteIndex:
    def __init__(self, path: str) -> None:
        embedded_parts.register("search", self)
        self._database = Database(path)
        self._snapshots = Snapshots()

    def prepare(self) -> None:
        with self._database.write():
            pass  # connecting creates the tables

    def write(self, entries: Iterable[Entry]) -> None:
        for rows in batched(map(make_row, entries), BULK):  # analyses before the transaction
            with self._database.write() as connection:
                put(connection, CURRENT, rows)
                if exists(connection, NEW):
                    put(connection, NEW, rows)

    def search(self, query: Query, *, position: Position, limit: int) -> Found:
        if not query:
            return Found()
        if position.seen:
            return self._search_snapshot(query, position, limit)
        with self._database.read() as connection:
            ranked = rank(connection, query, position)
            page = ranked[position.offset : position.offset + limit]
            hits = read_hits(connection, page)
        if position.offset + limit >= len(ranked):
            return Found(hits=hits, total=len(ranked))
        seen = tuple(str(id) for _, _, id in page)
        return Found(hits=hits, total=len(ranked), next=replace(position, seen=seen))

    def find_by_author(
        self, user_id: int, *, after_id: int | None = None, limit: int
    ) -> Page[Document]:
        with self._database.read() as connection:
            rows = connection.execute(
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
            with self._database.read() as connection:
                for row, words in rows:
                    if problem := compare(connection, row, words):
                        found[row.id] = problem
        return found

    def find_indexed(self, ids: Collection[int]) -> set[int]:
        with self._database.read() as connection:
            return {id for id in ids if is_indexed(connection, CURRENT, id)}

    def iter_ids(self) -> Iterator[int]:
        after = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    "SELECT id FROM entries WHERE deleted_ms IS NULL AND id > ?"
                    " ORDER BY id LIMIT ?",
                    (after, BULK),
                ).fetchall()
            yield from (id for (id,) in rows)
            if len(rows) < BULK:
                return
            after = rows[-1][0]

    def rebuild(self) -> SqliteRebuild:
        return SqliteRebuild(self._database)

    def clear(self) -> None:
        with self._database.write() as connection:
            execute(connection, [*CURRENT.drop, *NEW.drop, *CURRENT.create])
        self._snapshots.clear()

    def _search_snapshot(self, query: Query, position: Position, limit: int) -> Found:
        start = position.after[0] if position.after else position.offset
        with self._database.read() as connection:
            if position.snapshot:
                name, ranked = position.snapshot, self._snapshots.get(position.snapshot)
            else:
                ranked = rank(connection, query, position)
                name = self._snapshots.add(ranked)
            hits = read_hits(connection, ranked[start : start + limit])
        total = min(len(ranked) + len(position.seen), WINDOW)
        if start + limit >= len(ranked):
            return Found(hits=hits, total=total)
        after = (start + limit,)
        return Found(hits=hits, total=total, next=replace(position, snapshot=name, after=after))
