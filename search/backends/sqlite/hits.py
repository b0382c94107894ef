"""The hits of a query, ranked."""

import sqlite3
from collections.abc import Sequence

from common.ids import parse_id
from common.times import format_time, from_ms
from search.index import WINDOW, Hit, Position, end_of_hour_ms, freshness
from search.query import Query

# Score, time of creation in ms, id.
Ranked = Sequence[tuple[float, int, int]]


def rank(connection: sqlite3.Connection, query: Query, position: Position) -> Ranked:
    """The hits, best first, without those that the position has seen.

    Ranks the newest `WINDOW` hits only.
    """
    now_ms = end_of_hour_ms(position.hour)
    seen = {parse_id(key) for key in position.seen}
    rows = connection.execute(
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


def read_hits(connection: sqlite3.Connection, ranked: Ranked) -> list[Hit]:
    """The hits that still exist and are not hidden."""
    ids = [id for _, _, id in ranked]
    placeholders = ", ".join("?" * len(ids))
    columns = "id, user_id, content, created_ms"
    rows = connection.execute(
        f"SELECT {columns} FROM entries WHERE id IN ({placeholders}) AND NOT hidden",  # noqa: S608
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


def render(query: Query) -> str:
    """The query for FTS5's MATCH. Its tokens are analysed already."""
    words = [_column("content", " ".join(phrase.tokens)) for phrase in query.phrases]
    return " AND ".join([*words, *(_column("hashtags", name) for name in query.hashtags)])


def _column(name: str, phrase: str) -> str:
    return '{} : "{}"'.format(name, phrase.replace('"', '""'))
