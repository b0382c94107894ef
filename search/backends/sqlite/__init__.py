"""The search index in a SQLite file, by FTS5: the embedded part."""

from search.backends.sqlite.index import SqliteIndex

__all__ = ["SqliteIndex"]
