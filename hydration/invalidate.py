"""Drops what a change makes stale from the cache.

The writer drops it after its commit. The worker that handles the change's event drops it again, in
case the writer died in between.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from common.db import on_commit
from common.errors import OUTAGES
from common.redis import shards
from common.redis.client import redis_client
from hydration.codec import marks_key, tweet_key, user_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Cached values that a write made stale."""

    entries: Collection[int] = ()  # tweets and reposts that changed or were deleted
    users: Collection[int] = ()  # users who changed their profile, were suspended or restored
    viewer: int | None = None  # the user whose like or repost of the entries came or went


def drop(change: Change) -> None:
    """For handlers of events. Raises an outage, so that the message is retried."""
    keys = [*map(tweet_key, change.entries), *map(user_key, change.users)]

    def drop_on(shard: str) -> None:
        pipeline = redis_client(shard).pipeline(transaction=False)
        if keys:
            pipeline.unlink(*keys)
        if change.viewer is not None and change.entries and shard == shards.of(change.viewer):
            pipeline.hdel(marks_key(change.viewer), *change.entries)
        pipeline.execute()

    shards.on_each(drop_on)


def drop_after_commit(service: str, change: Change) -> None:
    """Writers call it in their transaction. During an outage, only the worker drops the keys."""

    def drop_now() -> None:
        try:
            drop(change)
        except OUTAGES as error:
            log.warning("the cache is stale until the worker handles the event: %s", error)

    on_commit(service, drop_now)
