"""The shards: Redis servers that share the timelines. Each user's timeline is on one of them.

A shard holds everything that its users' pages need: their own keys, and a copy of what many users
read (cached tweets and authors, the lists of pulled authors and their ids). So a page and a script
need one server, and a shard that is down affects its users only.

`settings.FEED_SHARDS` lists the shards as names of `CACHES`. Users are assigned by the shard's
number in that list, so a server may change its address and password, and a shard added at the end
takes only the users that move to it. `feed.shard_membership` handles the lists of users that moved.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from django.conf import settings

from common.errors import OUTAGES

# Users are assigned by `id % _SLOTS`; ids end in random bits, so the slots are used evenly.
_SLOTS = 4096


def names() -> Sequence[str]:
    shards: list[str] = settings.FEED_SHARDS
    return shards


def of(user_id: int) -> str:
    """The shard of a user."""
    shards = names()
    if len(shards) == 1:
        return shards[0]
    return shards[_numbers(len(shards))[user_id % _SLOTS]]


def group(user_ids: Sequence[int]) -> dict[str, Sequence[int]]:
    """The users of each shard, in the order given. Includes shards without users."""
    shards = names()
    if len(shards) == 1:
        return {shards[0]: user_ids}
    numbers = _numbers(len(shards))
    groups: list[list[int]] = [[] for _ in shards]
    for user_id in user_ids:
        groups[numbers[user_id % _SLOTS]].append(user_id)
    return dict(zip(shards, groups, strict=True))


def on_each(act: Callable[[str], object]) -> None:
    """Calls `act` for every shard, also after an outage of one. Then raises the first outage."""
    outages = []
    for shard in names():
        try:
            act(shard)
        except OUTAGES as error:
            outages.append(error)
    if outages:
        raise outages[0]


@lru_cache
def _numbers(count: int) -> Sequence[int]:
    """The number of the shard of each slot."""
    return [_jump(slot, count) for slot in range(_SLOTS)]


def _jump(slot: int, count: int) -> int:
    """Jump consistent hash: from n to n + 1 shards, one slot in n + 1 moves, all to the new shard.

    J. Lamping, E. Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
    """
    key, number, jumped = slot, -1, 0
    while jumped < count:
        number = jumped
        key = (key * 2862933555777941757 + 1) % 2**64
        jumped = int((number + 1) * (2**31 / ((key >> 33) + 1)))
    return number
