"""Finds cached values that differ from what the services would give, and drops them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import redis

from common.batches import batched
from common.ids import parse_id
from common.redis.client import redis_client
from grpc_services.clients import accounts, tweets
from grpc_services.clients.calls import MAX_IDS
from hydration.codec import (
    MARK_JSON,
    Entry,
    author_json,
    decode_entry,
    decode_user,
    entry_of,
    mark_of,
    marks_key,
    tweet_key,
    user_key,
)

_SCANNED = 500


def iter_cached(shard: str) -> Iterator[list[str]]:
    """The names of all cached keys, in batches of some hundred. A name may occur twice."""
    for kind in ("tweet", "user", "marks"):
        names = redis_client(shard).scan_iter(match=f"{kind}:*", count=_SCANNED)
        for batch in batched(names, _SCANNED):
            yield [name.decode() for name in batch if parse_id(name.partition(b":")[2])]


def find_stale(shard: str, names: Sequence[str]) -> list[tuple[str, int]]:
    """The stale keys among `names`, each with a tweet's id for a mark in `marks:…`, else with 0.

    Leases and junk are not stale.
    """
    owners: dict[str, list[int]] = {"tweet": [], "user": [], "marks": []}
    for name in names:
        kind, _, id = name.partition(":")
        owners[kind].append(int(id))
    stale = [(tweet_key(id), 0) for id in _find_stale_entries(shard, owners["tweet"])]
    stale += [(user_key(id), 0) for id in _find_stale_users(shard, owners["user"])]
    for viewer_id in owners["marks"]:
        stale += [(marks_key(viewer_id), id) for id in _find_stale_marks(shard, viewer_id)]
    return stale


def drop_stale(shard: str, stale: Iterable[tuple[str, int]]) -> None:
    """Drops the keys and marks that `find_stale` returned."""
    pipeline = redis_client(shard).pipeline(transaction=False)
    for name, tweet_id in stale:
        if tweet_id:
            pipeline.hdel(name, str(tweet_id))
        else:
            pipeline.unlink(name)
    pipeline.execute()


def _find_stale_entries(shard: str, entry_ids: Sequence[int]) -> list[int]:
    cached: dict[int, Entry | None] = {}
    for id, blob in zip(entry_ids, _fetch(shard, map(tweet_key, entry_ids)), strict=True):
        decode_entry(cached, id, blob)
    originals = {entry.tweet_id for entry in cached.values() if entry}
    shown = {tweet.entry_id: tweet for tweet in _get_in_batches({*cached, *originals})}
    stale = []
    for id, entry in cached.items():
        tweet = shown.get(id)
        if entry and tweet is None and entry.tweet_id != id and entry.tweet_id not in shown:
            continue  # a repost of a deleted tweet shows nothing, so its key does no harm
        if entry != (entry_of(tweet) if tweet else None):
            stale.append(id)
    return stale


def _find_stale_users(shard: str, user_ids: Sequence[int]) -> list[int]:
    cached: dict[int, bytes | None] = {}
    for id, blob in zip(user_ids, _fetch(shard, map(user_key, user_ids)), strict=True):
        decode_user(cached, id, blob)
    shown = {id: author_json(user) for id, user in accounts.get_users(cached).items()}
    return [id for id, json in cached.items() if json != shown.get(id)]


def _find_stale_marks(shard: str, viewer_id: int) -> list[int]:
    try:
        found: Any = redis_client(shard).hgetall(marks_key(viewer_id))
    except redis.ResponseError:  # a value of another type
        return []
    marks = {int(id): mark for id, mark in found.items() if parse_id(id) and mark in MARK_JSON}
    actual = {tweet.id: mark_of(tweet) for tweet in _get_in_batches(marks, viewer_id)}
    return [id for id, mark in marks.items() if actual.get(id, mark) != mark]


def _fetch(shard: str, names: Iterable[str]) -> list[bytes | None]:
    keys = list(names)
    found: Any = redis_client(shard).mget(keys) if keys else []
    return list(found)


def _get_in_batches(ids: Collection[int], viewer_id: int | None = None) -> Iterator[tweets.Tweet]:
    for batch in batched(ids, MAX_IDS):
        yield from tweets.get_tweets(batch, viewer_id=viewer_id)
