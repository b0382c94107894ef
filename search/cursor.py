"""Cursors: positions in the results of one query, signed so that clients can't forge them."""

from django.core import signing

from common.errors import Malformed
from search.index import Position

# A hundred of the longest keys make a longer cursor, but no server accepts a URL of that length.
MAX_LENGTH = 16_000


def encode(position: Position, text: str) -> str:
    parts = (position.hour, position.offset, position.seen, position.snapshot, position.after)
    return signing.dumps(parts, salt=_salt(text), compress=True)


def decode(cursor: str, text: str) -> Position:
    """Raises `Malformed` unless it is a cursor of ours for this query."""
    try:
        hour, offset, seen, snapshot, after = signing.loads(cursor, salt=_salt(text))
    except signing.BadSignature:
        raise Malformed(
            "cursor: is not a cursor of this query",
            fields={"cursor": ["is not a cursor of this query"]},
        ) from None
    return Position(
        hour=hour, offset=offset, seen=tuple(seen), snapshot=snapshot, after=tuple(after)
    )


def _salt(text: str) -> str:
    return f"search.cursor:{text}"
