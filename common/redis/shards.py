"""The Redis servers to which timelines are distributed: each user's is on one, the user's *shard*.

A shard has all that its users' pages are made of: what belongs to one user stands there alone, what
many read (cached tweets and authors, the lists of pulled authors and who these are) on each shard.
So a page and a script need one server, never two, and a shard that is down concerns its users only.

`settings.FEED_SHARDS` lists them as names of `CACHES`. Users are dealt out by their shard's number
in that list, so a server may move and change its password, and one more at the end takes only the
users that are to be its own. `feed.placement` says what then becomes of the lists they had.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from django.conf import settings

from common.errors import OUTAGES

# Ids end in random bits: their remainders are spread evenly.
_SLOTS = 4096


def names() -> Sequence[str]:
    shards: list[str] = settings.FEED_SHARDS
    return shards


def of(user_id: int) -> str:
    shards = names()
    if len(shards) == 1:
        return shards[0]
    return shards[_numbers(len(shards))[user_id % _SLOTS]]


def group(user_ids: Sequence[int]) -> dict[str, Sequence[int]]:
    """The users by shard, all shards included, in the order given."""
    shards = names()
    if len(shards) == 1:
        return {shards[0]: user_ids}
    numbers = _numbers(len(shards))
    groups: list[list[int]] = [[] for _ in shards]
    for user_id in user_ids:
        groups[numbers[user_id % _SLOTS]].append(user_id)
    return dict(zip(shards, groups, strict=True))


def on_each(act: Callable[[str], object]) -> None:
    """Acts on every shard, also after one that is down; then raises the first one's outage."""
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
    """By slot, the number of the shard that has it."""
    return [_jump(slot, count) for slot in range(_SLOTS)]


def _jump(slot: int, count: int) -> int:
    """Jump consistent hash: from n to n + 1 shards every n + 1st slot moves, all to the new one.

    J. Lamping, E. Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
    """
    key, number, jumped = slot, -1, 0
    while jumped < count:
        number = jumped
        key = (key * 2862933555777941757 + 1) % 2**64
        jumped = int((number + 1) * (2**31 / ((key >> 33) + 1)))
    return number
