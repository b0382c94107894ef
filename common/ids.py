"""Ids: 64-bit, sortable by time, drawn without asking anyone.

41 bits of milliseconds since 2020-01-01 UTC, then 22 random bits. An id is unique by its primary
key; `common.db.with_new_id` draws another one when it was taken. Outside Python an id is a decimal
string, since JavaScript's numbers end at 2**53.
"""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta

RANDOM_BITS = 22
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EPOCH_MS = int(EPOCH.timestamp() * 1000)
MAX_ID = 2**63 - 1

_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def new_id() -> int:
    now_ms = time.time_ns() // 1_000_000
    return ((now_ms - EPOCH_MS) << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)


def new_ids(count: int) -> list[int]:
    """Ascending and all different: among thousands drawn in a millisecond, some would be alike."""
    ids: set[int] = set()
    while len(ids) < count:
        ids.add(new_id())
    return sorted(ids)


def created_at(id: int) -> datetime:
    """The millisecond at which `id` was drawn."""
    return EPOCH + timedelta(milliseconds=id >> RANDOM_BITS)


def first_id_at(moment: datetime) -> int:
    """The smallest id that could be drawn at `moment` or later."""
    return max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << RANDOM_BITS


def parse_id(text: str | bytes) -> int | None:
    """The id that `text` spells, or None: one id has one spelling, so "007" and "+5" are none."""
    if isinstance(text, bytes):
        text = text.decode("ascii", errors="replace")
    if not _ID.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
