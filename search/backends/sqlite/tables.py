"""The tables, their statements, and the rows of an entry."""

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

# Entries in one transaction.
BULK = 500

# Increase it when search/analysis.py makes other tokens. Each file is then analysed again, once.
_ANALYSIS = 1

# Only spaces separate tokens. Quotes are doubled, for SQL and for the tokenizer.
_TOKENIZER = "ascii tokenchars '{}'".format(
    string.punctuation.replace("'", "''").replace('"', '""')
)


class Tables:
    """The statements for the index in use, or for the new one of a rebuild.

    `entries` has a row for each entry, `words` a row for each tweet that is not hidden.
    """

    def __init__(self, prefix: str) -> None:
        entries, words = f"{prefix}entries", f"{prefix}words"
        self.create = [
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
        self.replace_current = [
            "DROP TABLE entries",
            "DROP TABLE words",
            f"ALTER TABLE {entries} RENAME TO entries",
            f"ALTER TABLE {words} RENAME TO words",
        ]
        self.exists = f"SELECT 1 FROM sqlite_master WHERE name = '{entries}'"  # noqa: S608
        self.is_indexed = f"SELECT 1 FROM {entries} WHERE id = ? AND deleted_ms IS NULL"  # noqa: S608
        self.version = f"SELECT version FROM {entries} WHERE id = ?"  # noqa: S608 a constant
        self.write_entry = f"REPLACE INTO {entries} VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self.delete_words = f"DELETE FROM {words} WHERE rowid = ?"  # noqa: S608
        self.insert_words = (
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


# The tokens of a tweet's content and its hashtags, each joined by spaces.
Words = tuple[str, str]
Rows = tuple[Row, Words | None]


def exists(connection: sqlite3.Connection, tables: Tables) -> bool:
    return connection.execute(tables.exists).fetchone() is not None


def is_indexed(connection: sqlite3.Connection, tables: Tables, id: int) -> bool:
    """Whether the id has a document that is no tombstone."""
    return connection.execute(tables.is_indexed, (id,)).fetchone() is not None


def compare(connection: sqlite3.Connection, row: Row, words: Words | None) -> str | None:
    """The problem of the index, compared with the row and the words that should be there."""
    found = connection.execute("SELECT * FROM entries WHERE id = ?", (row.id,)).fetchone()
    if found is None:
        return MISSING
    known = Row(*found)
    if known.deleted_ms is not None:
        return TOMBSTONED
    if bool(known.hidden) != row.hidden:
        return HIDDEN if known.hidden else UNHIDDEN
    indexed_words = connection.execute(
        "SELECT content, hashtags FROM words WHERE rowid = ?", (row.id,)
    ).fetchone()
    is_same = known._replace(version=row.version, hidden=row.hidden) == row
    return None if is_same and indexed_words == words else STALE


def put(connection: sqlite3.Connection, tables: Tables, rows: Iterable[Rows]) -> None:
    """Writes each row unless the table has the same version or a higher one."""
    for row, words in rows:
        known = connection.execute(tables.version, (row.id,)).fetchone()
        if known is not None and known[0] >= row.version:
            continue
        connection.execute(tables.write_entry, row)
        connection.execute(tables.delete_words, (row.id,))
        if words is not None:
            connection.execute(tables.insert_words, (row.id, *words, row.created_ms))


def make_row(entry: Entry) -> Rows:
    if isinstance(entry, Tombstone):
        return Row(entry.id, DELETED, True, deleted_ms=to_ms(entry.deleted_at)), None
    content = analysis.normalise(entry.content)
    row = Row(
        entry.id, entry.version, entry.hidden, entry.user_id, content, to_ms(entry.created_at)
    )
    if entry.hidden:
        return row, None
    return row, _words(content)


def _words(content: str) -> Words:
    return " ".join(analysis.tokens(content)), " ".join(hashtags(content))


def reanalyse(connection: sqlite3.Connection) -> None:
    """Writes all words again if the file has those of another version of the analysis."""
    if _analysis_of(connection) == _ANALYSIS:
        return
    connection.execute("BEGIN IMMEDIATE")
    if _analysis_of(connection) != _ANALYSIS:
        found = connection.execute("SELECT * FROM entries WHERE NOT hidden").fetchall()
        for row in map(Row._make, found):
            connection.execute(CURRENT.delete_words, (row.id,))
            words = _words(row.content or "")
            connection.execute(CURRENT.insert_words, (row.id, *words, row.created_ms))
        connection.execute(f"PRAGMA user_version = {_ANALYSIS}")
    connection.execute("COMMIT")


def _analysis_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def execute(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    """Runs them in the open transaction, which `executescript` would commit."""
    for statement in statements:
        connection.execute(statement)
