"""Validation of requests, for servicers. Malformed ids are left out, as unknown ids are."""

from collections.abc import Collection

from common.errors import Malformed
from common.ids import parse_id
from grpc_services.clients.calls import MAX_IDS


def read_ids(field: str, texts: Collection[str]) -> list[int]:
    if len(texts) > MAX_IDS:
        raise Malformed(f"{field}: must have at most {MAX_IDS} ids")
    return [id for text in texts if (id := parse_id(text)) is not None]


def read_cursor(field: str, text: str) -> int | None:
    cursor = parse_id(text)
    if cursor is None and text:
        raise Malformed(f"{field}: must be an id")
    return cursor


def read_limit(limit: int, *, default: int, most: int) -> int:
    if not 0 <= limit <= most:
        raise Malformed(f"limit: must be 1 to {most}")
    return limit or default
