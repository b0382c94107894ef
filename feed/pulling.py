"""Pulled authors: authors with too many followers to push to. Readers merge the author's own list.

The hash `pulled` in Redis holds the state of each such author; all other authors are pushed:

- `pulled`: entries are added to the author's own list only;
- `ending:{number}`: entries are pushed again and still merged, until all followers' timelines have
  the entries that were not pushed.

Its field `version` counts the changes. Each shard (`common.redis.shards`) has a hash for its own
lists, so an author can be pulled on one shard and pushed on another.

`pulls:{user_id}` caches which pulled authors the user follows, with the version of the hash. It is
filled under a lease (`hydration.leases`), and a follow or unfollow of a pulled author drops it.

docs/decisions/0013 explains why no entry is lost.
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
    """Each author's state on this shard; `""` means pushed normally."""
    if not author_ids:
        return {}
    found: Any = redis_client(shard).hmget(keys.PULLED, list(map(str, author_ids)))
    return {id: (state or b"").decode() for id, state in zip(author_ids, found, strict=True)}


def authors() -> list[int]:
    """The authors with a state on any shard, including endings."""
    return sorted({id for shard in shards.names() for id in _registry(shard)[1]})


def endings() -> list[tuple[int, int]]:
    """Authors and the numbers of their endings in progress. Shards may have different numbers."""
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
    """Whether to push again. Half the limit, so that authors near it do not alternate."""
    return num_followers <= settings.FEED_PULL_FOLLOWERS // 2


def start(shard: str, author_id: int, state: str) -> bool:
    """Makes readers on this shard pull the author. False if the state is not `state` any more."""
    return _change(shard, author_id, state, PULLED)


def start_ending(author_id: int, number: int) -> None:
    """Pushes the author's entries again on the shards where the author is pulled."""
    for shard in shards.names():
        _change(shard, author_id, PULLED, f"{_ENDING}{number}")


def shards_ending(author_id: int, number: int) -> list[str]:
    """The shards on which this ending is in progress."""
    return [
        shard
        for shard in shards.names()
        if _number(states(shard, [author_id])[author_id]) == number
    ]


def end(author_id: int, number: int) -> None:
    """Completes this ending: readers stop merging the author's list where it is in progress."""
    for shard in shards.names():
        _change(shard, author_id, f"{_ENDING}{number}", "")


def followed_by(user_id: int) -> list[int]:
    """The pulled authors whom the user follows."""
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
