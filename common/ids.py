"""Ids: 64-bit integers that sort by time and need no server.

An id has 41 bits of milliseconds since 2020-01-01 UTC and 22 random bits. The ids of one process
ascend. A primary key keeps them unique; `common.db.with_new_id` retries with another id. Outside
Python an id is a decimal string, because JavaScript's integers are exact up to 2**53 only.
"""

import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

from common.errors import NotFound

RANDOM_BITS = 22
# Successive ids of one millisecond differ by at most 2**_STEP_BITS.
_STEP_BITS = 10
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EPOCH_MS = int(EPOCH.timestamp() * 1000)
MAX_ID = 2**63 - 1

# The decimal form. Such a number may still exceed `MAX_ID`.
PATTERN = r"[1-9][0-9]{0,18}"

# A username of digits only has at most this many. A longer number in a URL is an id.
MAX_USERNAME_DIGITS = 15

_ID = re.compile(PATTERN)
_lock = threading.Lock()
_last = 0


def new_id(*, after: int = 0) -> int:
    """An id greater than `after`, and than all earlier ids of this process drawn without `after`.

    An `after` from a machine whose clock is ahead raises this id only, not later ones.
    """
    global _last
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        drawn = ((now_ms - EPOCH_MS) << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
        _last = drawn if drawn > _last else _next(_last)
        return _last if _last > after else _next(after)


def _next(id: int) -> int:
    return id + 1 + secrets.randbits(_STEP_BITS)


def new_ids(count: int) -> list[int]:
    """New ids in ascending order."""
    return [new_id() for _ in range(count)]


def created_at(id: int) -> datetime:
    """The time in an id, in milliseconds."""
    return EPOCH + timedelta(milliseconds=id >> RANDOM_BITS)


def first_id_at(moment: datetime) -> int:
    """The smallest id of `moment` or later."""
    return max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << RANDOM_BITS


def require_id(text: str, what: str) -> int:
    """Like `parse_id`, but raises `NotFound` for any other text."""
    id = parse_id(text)
    if id is None:
        raise NotFound(f"there is no such {what}")
    return id


def find_named_id(name: str) -> int | None:
    """The id in a URL that takes an id or a username. Returns None for a username.

    A username may have up to `MAX_USERNAME_DIGITS` digits only; ids have more.
    """
    return parse_id(name) if len(name) > MAX_USERNAME_DIGITS else None


def parse_id(text: str | bytes) -> int | None:
    """The id in `text`, or None. An id has one form, so "007" and "+5" are not ids."""
    if isinstance(text, bytes):
        text = text.decode("ascii", errors="replace")
    if not _ID.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
