"""Lists of the feed as they are in Redis."""

from common.redis.client import redis_client
from feed import lists
from feed.lists import TIMELINE, Kind


def put(owner_id: int, *items: int | str, kind: Kind = TIMELINE) -> None:
    """Replaces a list's elements; the first is the head."""
    client = redis_client(kind.shard_of(owner_id))
    client.delete(lists.key(owner_id, kind))
    client.rpush(lists.key(owner_id, kind), *items)


def raw(owner_id: int, kind: Kind = TIMELINE) -> list[int]:
    client = redis_client(kind.shard_of(owner_id))
    return [int(item) for item in client.lrange(lists.key(owner_id, kind), 0, -1)]
