"""Documents of the search index, and searches without HTTP."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from common.ids import first_id_at
from search.index import Document, Found, Position, index, this_hour
from search.query import parse

# Writes entries so that searches find them.
Write = Callable[..., None]


def document(
    number: int,
    content: str = "hello",
    *,
    user_id: int = 1,
    age: timedelta = timedelta(),
    **fields: Any,
) -> Document:
    """A tweet. Of two with the same age, the one with the higher number has the higher id."""
    at = timezone.now() - age
    return Document(
        id=tweet_id(number, at), user_id=user_id, content=content, created_at=at, **fields
    )


def tweet_id(number: int, at: datetime | None = None) -> int:
    return first_id_at(at or timezone.now()) | number


def find(text: str, *, limit: int = 10, **position: Any) -> Found:
    """The page that starts at the position: by default the first page, fresh at this hour."""
    start = Position(**{"hour": this_hour(), **position})
    return index().search(parse(text), position=start, limit=limit)


def found_ids(text: str, *, limit: int = 100, **position: Any) -> list[int]:
    return [int(hit.key) for hit in find(text, limit=limit, **position).hits]
