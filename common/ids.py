"""Ids: 64-bit, sortable by time, drawn without asking anyone.

41 bits of milliseconds since 2020-01-01 UTC, then 22 random bits; those of one process ascend. An
id is unique by its primary key; `common.db.with_new_id` draws another one when it was taken.
Outside Python an id is a decimal string, since JavaScript's numbers end at 2**53.
"""

import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

from common.errors import NotFound

RANDOM_BITS = 22
# How far apart ids are that are drawn within a millisecond, at most.
_STEP_BITS = 10
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EPOCH_MS = int(EPOCH.timestamp() * 1000)
MAX_ID = 2**63 - 1

# How one is spelled, if it isn't greater than `MAX_ID`.
PATTERN = r"[1-9][0-9]{0,18}"

# The longest username of digits alone: a longer number in an address is an id.
MAX_USERNAME_DIGITS = 15

_ID = re.compile(PATTERN)
_lock = threading.Lock()
_last = 0


def new_id(*, after: int = 0) -> int:
    """Greater than `after` and than every id that this process drew before.

    An `after` from a machine whose clock is ahead raises this id only, not the following ones.
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
    """Ascending."""
    return [new_id() for _ in range(count)]


def created_at(id: int) -> datetime:
    """The millisecond at which `id` was drawn."""
    return EPOCH + timedelta(milliseconds=id >> RANDOM_BITS)


def first_id_at(moment: datetime) -> int:
    """The smallest id that could be drawn at `moment` or later."""
    return max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << RANDOM_BITS


def require_id(text: str, what: str) -> int:
    """As `parse_id`. Raises `NotFound`: what can't be an id names nothing."""
    id = parse_id(text)
    if id is None:
        raise NotFound(f"there is no such {what}")
    return id


def find_named_id(name: str) -> int | None:
    """The id that a user's name in an address spells, or None where it is a username.

    A username may be digits alone, up to `MAX_USERNAME_DIGITS` of them; ids have more.
    """
    return parse_id(name) if len(name) > MAX_USERNAME_DIGITS else None


def parse_id(text: str | bytes) -> int | None:
    """The id that `text` spells, or None: one id has one spelling, so "007" and "+5" are none."""
    if isinstance(text, bytes):
        text = text.decode("ascii", errors="replace")
    if not _ID.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
