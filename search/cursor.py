"""A page's position as clients carry it: signed, so that nobody makes one up, and for one query."""

from django.core import signing

from common.errors import Malformed
from search.index import Position

# A hundred hits seen, in a document's longest names, are more than any server takes in an address.
MAX_LENGTH = 16_000


def encode(position: Position, text: str) -> str:
    parts = (position.hour, position.offset, position.seen, position.snapshot, position.after)
    return signing.dumps(parts, salt=_salt(text), compress=True)


def decode(cursor: str, text: str) -> Position:
    """Raises `Malformed` for what isn't a cursor of ours for this query."""
    try:
        hour, offset, seen, snapshot, after = signing.loads(cursor, salt=_salt(text))
    except signing.BadSignature:
        raise Malformed(
            "cursor: is not a cursor of this query", fields={"cursor": ["is not one of ours"]}
        ) from None
    return Position(
        hour=hour, offset=offset, seen=tuple(seen), snapshot=snapshot, after=tuple(after)
    )


def _salt(text: str) -> str:
    return f"search.cursor:{text}"
