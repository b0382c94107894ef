"""The two kinds of lists in Redis: timelines, and the lists of what one author wrote."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from common.redis import shards
from feed import keys

# Entries beyond `FEED_SHOWN` that a list may hold before it is trimmed, and the number of positions
# by which an entry may be out of order.
SLACK = 64
# A list expires this long after it was last read.
IDLE = timedelta(days=30)
IDLE_SECONDS = int(IDLE.total_seconds())


@dataclass(frozen=True, slots=True)
class Kind:
    prefix: str
    shard: str | None = None  # None: each list is on its owner's shard

    def shard_of(self, owner_id: int) -> str:
        return self.shard or shards.of(owner_id)


TIMELINE = Kind(keys.TIMELINE)


@cache
def authored(shard: str) -> Kind:
    """Lists of pulled authors' entries; each shard that needs one has a copy."""
    return Kind(keys.AUTHORED, shard)


def kinds() -> list[Kind]:
    return [TIMELINE, *map(authored, shards.names())]


def key(owner_id: int, kind: Kind = TIMELINE) -> str:
    return keys.timeline(owner_id) if kind is TIMELINE else keys.authored(owner_id)
