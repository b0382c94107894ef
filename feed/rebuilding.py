"""Building lists in Redis from the database."""

from time import perf_counter

from common.observability.metrics import FEED_REBUILDS
from common.redis import shards
from feed import pulling, reads, writes
from feed.expected import expected_list
from feed.lists import TIMELINE, Kind, authored
from feed.reads import Timeline


def build(owner_id: int, kind: Kind = TIMELINE) -> Timeline:
    """Builds the list unless it exists, and returns it. If Redis is full, the list is not stored.

    The list is created before the database is read, so no entry posted in between is lost.
    """
    started = perf_counter()
    marker = writes.start_building(owner_id, kind)
    built = expected_list(owner_id, kind)
    if marker is not None:
        writes.finish_building(
            owner_id, marker, built.ids, is_complete=built.is_complete, kind=kind
        )
    FEED_REBUILDS.observe(perf_counter() - started)
    return (reads.read(owner_id, kind) if marker is not None else None) or built


def materialise(user_id: int) -> Timeline:
    """The timeline merged with its pulled authors' lists. Builds each list that is missing."""
    timeline = reads.read(user_id) or build(user_id)
    shard, pulled = shards.of(user_id), pulling.followed_by(user_id)
    kind = authored(shard)
    merged = reads.read_all(pulled, kind, shard=shard)
    return reads.join(
        [timeline, *(found or build(id, kind) for id, found in zip(pulled, merged, strict=True))]
    )
