"""Reads tweets and authors as JSON: from the cache in Redis, else from the services.

A cached page is assembled from fragments, without a query, a gRPC call or a serializer. Writers and
leases keep the cache fresh (`hydration.invalidate`, `hydration.leases`). If it is lost, holds junk,
refuses writes or is down, the services are called.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import orjson

from common.errors import OUTAGES, Unavailable
from common.observability.metrics import FRAGMENTS_MISSED, FRAGMENTS_READ
from common.redis import shards
from common.redis.scripts import Script, read_script
from grpc_services.clients import accounts, tweets
from grpc_services.clients.accounts import User
from hydration.assembly import NULL, HydratedTweet, Parts, assemble_cached
from hydration.codec import (
    CachedEntry,
    CachedValues,
    author_json,
    decode_user,
    encode_entry,
    encode_user,
    entry_of,
    mark_of,
    marks_key,
    original_of,
    rows_of,
    tweet_key,
    user_key,
)
from hydration.leases import fill, take_lease
from hydration.shapes import Json

# Defines `cached`, for scripts of other packages whose answers `complete` takes.
LIBRARY = read_script("hydration/cached")
_LOAD = Script(f"{LIBRARY}return cached(ARGV, KEYS[1])")
_FETCH = Script("return redis.call('MGET', unpack(KEYS))")  # null for a value of another type

log = logging.getLogger(__name__)


def load(entry_ids: Sequence[int], *, viewer_id: int) -> list[HydratedTweet]:
    """The entries that exist, in the order given.

    Raises `Unavailable` if tweets is down and an entry isn't cached. While accounts is down,
    authors who aren't cached are null.
    """
    if not entry_ids:
        return []
    shard = shards.of(viewer_id)
    try:
        values: CachedValues = _LOAD(keys=[marks_key(viewer_id)], args=entry_ids, server=shard)
    except OUTAGES as error:
        log.warning("the cache is down: %s", error)
        return _Reader(shard, is_cacheable=False).read(entry_ids, viewer_id)
    return complete(entry_ids, values, viewer_id=viewer_id)


def complete(
    entry_ids: Sequence[int], values: CachedValues, *, viewer_id: int
) -> list[HydratedTweet]:
    """As `load`, from what `cached` in scripts/cached.lua returned for the entries."""
    rows = rows_of(values)
    assembled = list(map(assemble_cached, entry_ids, rows))
    if None not in assembled:
        FRAGMENTS_READ.inc(len(assembled))
        return cast(list[HydratedTweet], assembled)
    reader = _Reader(shards.of(viewer_id))
    for entry_id, row in zip(entry_ids, rows, strict=True):
        reader.parts.add(entry_id, CachedEntry._make(row))
    return reader.read(entry_ids, viewer_id)


def load_authors(user_ids: Collection[int]) -> dict[int, Json | None]:
    """The users who are neither suspended nor deleted.

    None is a user who isn't cached while accounts is down.
    """
    if not user_ids:
        return {}
    reader = _Reader(shards.of(min(user_ids)))
    reader.read_users(user_ids)
    jsons = {id: reader.parts.users.get(id, NULL) for id in user_ids}
    return {id: orjson.loads(json) for id, json in jsons.items() if json is not None}


def find_users(user_ids: Collection[int]) -> Mapping[int, User] | None:
    """The users who are neither suspended nor deleted, uncached; None while accounts is down."""
    try:
        return accounts.get_users(user_ids)
    except Unavailable:
        return None


@dataclass(slots=True)
class _Reader:
    """Reads the parts of a page that aren't known, and caches them on the viewer's shard."""

    shard: str
    is_cacheable: bool = True  # False after Redis failed to answer
    parts: Parts = field(default_factory=Parts)

    def read(self, entry_ids: Sequence[int], viewer_id: int) -> list[HydratedTweet]:
        FRAGMENTS_READ.inc(len(entry_ids))
        self._read_tweets([id for id in entry_ids if not self.parts.has_tweet(id)], viewer_id)
        pairs = list(self.parts.pairs(entry_ids))
        self.read_users({part.user_id for _, *pair in pairs for part in pair})
        return [self.parts.assemble(*pair) for pair in pairs]

    def _read_tweets(self, missing: Sequence[int], viewer_id: int) -> None:
        if not missing:
            return
        FRAGMENTS_MISSED.labels("tweet").inc(len(missing))
        entries, marks = self.parts.entries, self.parts.marks
        # Originals are requested by their own ids, because the id of a deleted repost leads to no
        # original. So a requested id that the answer lacks does not exist, and only requested ids
        # are cached.
        originals = [entry.tweet_id for id in missing if (entry := entries.get(id))]
        requested = list(dict.fromkeys([*missing, *originals]))
        lease = None
        if self.is_cacheable:
            lease = take_lease(
                self.shard, map(tweet_key, requested), marks_key(viewer_id), requested
            )

        entries.update(dict.fromkeys(requested))
        fresh = tweets.get_tweets(requested, viewer_id=viewer_id)
        for tweet in fresh:
            entries[tweet.id] = original_of(tweet)
            marks[tweet.id] = mark_of(tweet)
            if tweet.reposted_by_id is not None:
                entries[tweet.entry_id] = entry_of(tweet)

        values = {tweet_key(id): encode_entry(id, entries[id]) for id in requested}
        fresh_marks = {tweet.id: marks[tweet.id] for tweet in fresh}
        fill(self.shard, lease, values, marks_key(viewer_id), fresh_marks)

    def read_users(self, user_ids: Collection[int]) -> None:
        """Tries the cache first: an author may be cached even if the tweet was not."""
        users = self.parts.users
        missing = [id for id in user_ids if id not in users]
        if missing and self.is_cacheable:
            try:
                values = _FETCH(keys=[user_key(id) for id in missing], server=self.shard)
            except OUTAGES as error:
                log.warning("the cache is down: %s", error)
                self.is_cacheable = False
            else:
                for id, value in zip(missing, values, strict=True):
                    decode_user(users, id, value)
        self._call_accounts([id for id in missing if id not in users])

    def _call_accounts(self, missing: Sequence[int]) -> None:
        if not missing:
            return
        FRAGMENTS_MISSED.labels("user").inc(len(missing))
        lease = take_lease(self.shard, map(user_key, missing)) if self.is_cacheable else None
        try:
            found = accounts.get_users(missing)
        except Unavailable:
            return  # the tweets are shown with a null author
        values = {}
        for user_id in missing:
            user = found.get(user_id)
            json = self.parts.users[user_id] = author_json(user) if user else None
            values[user_key(user_id)] = encode_user(user_id, json)
        fill(self.shard, lease, values)
