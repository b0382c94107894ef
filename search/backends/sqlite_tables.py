"""The tables of the SQLite index: their statements, and how an entry looks in them."""

import sqlite3
import string
from collections.abc import Iterable
from typing import NamedTuple

from common.times import to_ms
from search import analysis
from search.hashtags import hashtags
from search.index import (
    DELETED,
    HIDDEN,
    MISSING,
    STALE,
    TOMBSTONED,
    UNHIDDEN,
    Entry,
    Tombstone,
)

# Raise it when search/analysis.py makes other tokens: each file is then analysed again, once.
_ANALYSIS = 1

# Only blanks separate tokens. The quotes are those of SQL and of the tokenizer.
_TOKENIZER = "ascii tokenchars '{}'".format(
    string.punctuation.replace("'", "''").replace('"', '""')
)


class Tables:
    """The statements on one pair of tables: the index, or the one that is being built beside it.

    `entries` has a row for each entry, `words` a row for each tweet that can be found.
    """

    def __init__(self, prefix: str) -> None:
        entries, words = f"{prefix}entries", f"{prefix}words"
        self.make = [
            f"""
            CREATE TABLE IF NOT EXISTS {entries} (
                id INTEGER PRIMARY KEY,
                version INTEGER NOT NULL,
                hidden INTEGER NOT NULL,
                user_id INTEGER,
                content TEXT,
                created_ms INTEGER,
                deleted_ms INTEGER,
                UNIQUE (user_id, id)
            )
            """,
            f"""
            CREATE VIRTUAL TABLE IF NOT EXISTS {words} USING fts5 (
                content, hashtags, created_ms UNINDEXED, tokenize = "{_TOKENIZER}"
            )
            """,
        ]
        self.drop = [f"DROP TABLE IF EXISTS {entries}", f"DROP TABLE IF EXISTS {words}"]
        self.replace = [
            "DROP TABLE entries",
            "DROP TABLE words",
            f"ALTER TABLE {entries} RENAME TO entries",
            f"ALTER TABLE {words} RENAME TO words",
        ]
        self.version = f"SELECT version FROM {entries} WHERE id = ?"  # noqa: S608 a constant
        self.write = f"REPLACE INTO {entries} VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self.unlist = f"DELETE FROM {words} WHERE rowid = ?"  # noqa: S608
        self.list = (
            f"INSERT INTO {words} (rowid, content, hashtags, created_ms) VALUES (?, ?, ?, ?)"  # noqa: S608
        )


CURRENT = Tables("")
NEW = Tables("new_")


class Row(NamedTuple):
    id: int
    version: int
    hidden: bool
    user_id: int | None = None
    content: str | None = None
    created_ms: int | None = None
    deleted_ms: int | None = None


# A row of entries, and for words the tokens and the hashtags.
Written = tuple[Row, tuple[str, str] | None]


def is_indexed(database: sqlite3.Connection, table: str, id: int) -> bool:
    found = database.execute(
        f"SELECT 1 FROM {table} WHERE id = ? AND deleted_ms IS NULL",  # noqa: S608 one of ours
        (id,),
    )
    return found.fetchone() is not None


def compare(database: sqlite3.Connection, row: Row, words: tuple[str, str] | None) -> str | None:
    """How the index differs from the row and its words."""
    found = database.execute("SELECT * FROM entries WHERE id = ?", (row.id,)).fetchone()
    if found is None:
        return MISSING
    known = Row(*found)
    if known.deleted_ms is not None:
        return TOMBSTONED
    if bool(known.hidden) != row.hidden:
        return HIDDEN if known.hidden else UNHIDDEN
    listed = database.execute(
        "SELECT content, hashtags FROM words WHERE rowid = ?", (row.id,)
    ).fetchone()
    is_same = known._replace(version=row.version, hidden=row.hidden) == row
    return None if is_same and listed == words else STALE


def put(database: sqlite3.Connection, tables: Tables, rows: Iterable[Written]) -> None:
    for row, words in rows:
        known = database.execute(tables.version, (row.id,)).fetchone()
        if known is not None and known[0] >= row.version:
            continue
        database.execute(tables.write, row)
        database.execute(tables.unlist, (row.id,))
        if words is not None:
            database.execute(tables.list, (row.id, *words, row.created_ms))


def make_row(entry: Entry) -> Written:
    if isinstance(entry, Tombstone):
        return Row(entry.id, DELETED, True, deleted_ms=to_ms(entry.deleted_at)), None
    content = analysis.normalise(entry.content)
    row = Row(
        entry.id, entry.version, entry.hidden, entry.user_id, content, to_ms(entry.created_at)
    )
    if entry.hidden:
        return row, None
    return row, _words(content)


def _words(content: str) -> tuple[str, str]:
    return " ".join(analysis.tokens(content)), " ".join(hashtags(content))


def analyse_again(database: sqlite3.Connection) -> None:
    """Lists all tweets again if another version of the analysis listed them."""
    if _analysis_of(database) == _ANALYSIS:
        return
    database.execute("BEGIN IMMEDIATE")
    if _analysis_of(database) != _ANALYSIS:
        found = database.execute("SELECT * FROM entries WHERE NOT hidden").fetchall()
        for row in map(Row._make, found):
            database.execute(CURRENT.unlist, (row.id,))
            words = _words(row.content or "")
            database.execute(CURRENT.list, (row.id, *words, row.created_ms))
        database.execute(f"PRAGMA user_version = {_ANALYSIS}")
    database.execute("COMMIT")


def _analysis_of(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def run(database: sqlite3.Connection, statements: Iterable[str]) -> None:
    """One by one: `executescript` would commit what is open."""
    for statement in statements:
        database.execute(statement)
