"""A page of results in four steps: skeleton, hydrate, rules, present. The last two do no I/O.

If all tweets are cached, the first two take one request to the index and one to Redis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from common.errors import Unavailable
from common.ids import parse_id
from common.times import format_time, parse_time
from hydration.read import find_users, load
from hydration.shapes import FACTS, Json, show_author
from hydration.visibility import is_shown
from search import cursor as cursors
from search.index import Found, Hit, Position, index, this_hour
from search.query import parse

_INDEXED = ("id", "user_id", "content", "created_at")
# The fields of a tweet that the index lacks.
UNKNOWN: Json = {field.name: None for field in FACTS if field.name not in _INDEXED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    results: list[bytes]  # JSON
    total: int
    next: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """A hit and its JSON."""

    hit: Hit
    json: bytes  # empty for a tweet that is deleted or hidden


def search(text: str, *, limit: int, offset: int, cursor: str | None, viewer_id: int) -> ResultPage:
    position = cursors.decode(cursor, text) if cursor else Position(hour=this_hour(), offset=offset)
    found = skeleton(text, position, limit)
    return ResultPage(
        results=present(rules(hydrate(found.hits, viewer_id))),
        total=found.total,
        next=cursors.encode(found.next, text) if found.next else None,
    )


def skeleton(text: str, position: Position, limit: int) -> Found:
    return index().search(parse(text), position=position, limit=limit)


def hydrate(hits: Sequence[Hit], viewer_id: int) -> list[Result]:
    """Loads the tweets, or takes them from the index if tweets is down."""
    ids = [find_tweet_id(hit) for hit in hits]
    ours = [id for id in ids if id is not None]
    try:
        loaded = load(ours, viewer_id=viewer_id)
        shown = {tweet.entry_id: tweet.json for tweet in loaded if tweet.is_visible}
    except Unavailable:
        shown = _show_indexed([hit for hit, id in zip(hits, ids, strict=True) if id is not None])
    return [
        Result(hit, show_foreign(hit) if id is None else shown.get(id, b""))
        for hit, id in zip(hits, ids, strict=True)
    ]


def find_tweet_id(hit: Hit) -> int | None:
    """None for a foreign document."""
    source = hit.source
    id, user_id = _read_id(source.get("id")), _read_id(source.get("user_id"))
    if id is None or user_id is None or not isinstance(source.get("content"), str):
        return None
    try:
        parse_time(source.get("created_at"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return id


def rules(results: Sequence[Result]) -> list[Result]:
    """Drops tweets that are deleted or whose authors are hidden. Keeps foreign documents."""
    return [result for result in results if result.json]


def present(results: Sequence[Result]) -> list[bytes]:
    return [
        b'%b,"score":%b}' % (result.json[:-1], orjson.dumps(result.hit.score)) for result in results
    ]


def show_foreign(hit: Hit) -> bytes:
    """The document in the shape of a tweet, with null for values that we can't render."""
    source = {"id": hit.key, **hit.source}
    shown = {name: _showable(source.get(name)) for name in ("id", "user_id", "content")}
    created_at = _showable(source.get("created_at"))
    return orjson.dumps({**shown, **UNKNOWN, "author": None, "created_at": created_at})


def _show_indexed(hits: Sequence[Hit]) -> dict[int, bytes]:
    """The documents of ours whose authors are neither suspended nor deleted, by id."""
    authors = find_users({int(hit.source["user_id"]) for hit in hits})
    shown = {}
    for hit in hits:
        source, user_id = hit.source, int(hit.source["user_id"])
        if is_shown([user_id], authors):
            author = authors.get(user_id) if authors else None
            shown[int(source["id"])] = orjson.dumps(
                {
                    **{name: source[name] for name in _INDEXED},
                    **UNKNOWN,
                    "created_at": format_time(parse_time(source["created_at"])),
                    "author": show_author(author) if author else None,
                }
            )
    return shown


def _read_id(value: Any) -> int | None:
    return parse_id(value) if isinstance(value, str) else None


def _showable(value: Any) -> Any:
    """None for valid JSON that orjson refuses: large integers, lone surrogates."""
    try:
        orjson.dumps(value)
    except TypeError:
        return None
    return value
