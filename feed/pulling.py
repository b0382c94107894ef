"""Authors whom too many follow: their entries aren't pushed, readers merge the author's own list.

The hash `pulled` in Redis is the one fact, beside the lists that it tells how to read: `pulled`
says that an author's entries go onto the own list alone, `ending:…` that they are pushed again and
still merged, until the followers' timelines have what they lack. An author of whom nothing stands
there is pushed. `version` counts the changes. Each shard (`common.redis.shards`) has a hash for
the lists on it, and none says anything about another's: an author may well be pulled here
and pushed there.

A timeline's `pulls:{user_id}` caches whom of them its owner follows, at a version. It is leased as
the fragments are: settling a follow drops it, and what was asked before can't be cached after.

docs/decisions/0013 says why no entry is lost on the way.
"""

from collections.abc import Collection
from typing import Any

from django.conf import settings

from common.batches import batched
from common.redis import shards
from common.redis.client import redis_client
from feed import keys
from feed.lua import script
from grpc_services.clients import accounts
from grpc_services.clients.calls import MAX_IDS
from hydration.leases import fill, take_lease

PULLED = "pulled"
_ENDING = "ending:"
_VERSION = b"version"


def states(shard: str, author_ids: Collection[int]) -> dict[int, str]:
    """What stands of each of the authors there; empty where it is pushed as anyone."""
    if not author_ids:
        return {}
    found: Any = redis_client(shard).hmget(keys.PULLED, list(map(str, author_ids)))
    return {id: (state or b"").decode() for id, state in zip(author_ids, found, strict=True)}


def authors() -> list[int]:
    """All who are pulled somewhere, those who are pushed again included."""
    return sorted({id for shard in shards.names() for id in _registry(shard)[1]})


def endings() -> list[tuple[int, int]]:
    """Authors, with the numbers of their endings under way: mostly one each."""
    found = {
        (id, number)
        for shard in shards.names()
        for id, state in states(shard, _registry(shard)[1]).items()
        if (number := _number(state)) is not None
    }
    return sorted(found)


def is_over(num_followers: int) -> bool:
    return num_followers > settings.FEED_PULL_FOLLOWERS


def is_well_under(num_followers: int) -> bool:
    """Far enough below the limit to be pushed again: nobody changes sides with each follow."""
    return num_followers <= settings.FEED_PULL_FOLLOWERS // 2


def start(shard: str, author_id: int, state: str) -> bool:
    """From now on readers pull the author, unless `state` isn't what stands there any more."""
    return _change(shard, author_id, state, PULLED)


def start_ending(author_id: int, number: int) -> None:
    """From now on the author is pushed, too, unless that is so or nobody pulls it."""
    for shard in shards.names():
        _change(shard, author_id, PULLED, f"{_ENDING}{number}")


def shards_ending(author_id: int, number: int) -> list[str]:
    """The shards on which this ending of the author is under way."""
    return [
        shard
        for shard in shards.names()
        if _number(states(shard, [author_id])[author_id]) == number
    ]


def end(author_id: int, number: int) -> None:
    """From now on nobody pulls the author, unless that has begun again meanwhile."""
    for shard in shards.names():
        _change(shard, author_id, f"{_ENDING}{number}", "")


def followed_by(user_id: int) -> list[int]:
    """The authors whose lists the user's timeline is merged with."""
    pipeline = redis_client(shards.of(user_id)).pipeline(transaction=False)
    pipeline.hget(keys.PULLED, _VERSION)
    pipeline.get(keys.pulls(user_id))
    version, known = pipeline.execute(raise_on_error=False)
    if version is None:
        return []
    if isinstance(known, bytes) and known.startswith(version + b":"):
        return [int(id) for id in known.partition(b":")[2].split()]
    return _ask(user_id)


def _number(state: str) -> int | None:
    return int(state.removeprefix(_ENDING)) if state.startswith(_ENDING) else None


def _ask(user_id: int) -> list[int]:
    shard, name = shards.of(user_id), keys.pulls(user_id)
    lease = take_lease(shard, [name])
    version, author_ids = _registry(shard)
    followed = []
    for asked in batched(author_ids, MAX_IDS):
        relations = accounts.get_relations(viewer_id=user_id, user_ids=asked)
        followed += [id for id in asked if relations[id].following]
    fill(shard, lease, {name: version + b":" + " ".join(map(str, followed)).encode()})
    return followed


def _registry(shard: str) -> tuple[bytes, list[int]]:
    found: Any = redis_client(shard).hgetall(keys.PULLED)
    version = found.pop(_VERSION, b"0")
    return version, sorted(map(int, found))


def _change(shard: str, author_id: int, before: str, after: str) -> bool:
    change = script("change_state")
    return bool(change(keys=[keys.PULLED], args=[author_id, before, after], server=shard))
