"""Ready-made JSON of tweets and authors, cached in Redis.

A page is assembled from fragments without a query, a call or a serializer. `hydration.codec`
says what stands under which key.

**Never stale.** Who writes a fact drops its key after the commit, and the worker that hears of the
change drops it again, in case the writer died in between. A reader who finds a key missing puts a
lease (`L…`) there *before* it reads the database, and its value only where the lease still stands:
so what was read before a change can't be cached after it. Everything expires in an hour besides.

Redis may lose the cache, fill it with junk or refuse writes, or be down: then fragments are made
anew. Each shard (`common.redis.shards`) has a cache of its own, with leases of its own, for its
readers.
"""

import logging
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson
import redis

from common.db import on_commit
from common.errors import OUTAGES, Unavailable
from common.observability.metrics import FRAGMENTS_MISSED, FRAGMENTS_READ
from common.redis import shards
from common.redis.client import redis_client
from common.redis.scripts import Script
from grpc_services.clients import accounts, tweets
from hydration.codec import (
    MARKS,
    Entry,
    entry_of,
    json_of,
    learn_entry,
    learn_user,
    mark_of,
    marks_key,
    original_of,
    tweet_blob,
    tweet_key,
    user_blob,
    user_key,
)
from hydration.shapes import Author

SECONDS = 3600
_LEASE_SECONDS = 10
MOST_MARKS = 2000
# Fragments that a process remembers, with the blobs they were made of some 2 kB each.
_READY = 8192
_SCRIPTS = Path(__file__).parent / "scripts"

# `cached`, for scripts that answer with what `complete` takes.
LIBRARY = (_SCRIPTS / "fragments.lua").read_text()
_LOAD = Script(f"{LIBRARY}return cached(ARGV, KEYS[1])")
_FETCH = Script("return redis.call('MGET', unpack(KEYS))")  # null for what is of another type
_LEASE = Script((_SCRIPTS / "lease.lua").read_text())
_FILL = Script((_SCRIPTS / "fill.lua").read_text())

_NULL = b"null"

log = logging.getLogger(__name__)


class Fragment(NamedTuple):
    """A tweet as one viewer sees it under one entry."""

    entry_id: int
    tweet_id: int
    is_visible: bool  # neither its author nor who reposted it is gone
    json: bytes


@dataclass(slots=True)
class _Known:
    """What is known so far. None stands for what doesn't exist; what isn't known has no key."""

    shard: str
    is_cacheable: bool = True  # Redis answers
    entries: dict[int, Entry | None] = field(default_factory=dict)
    users: dict[int, bytes | None] = field(default_factory=dict)
    marks: dict[int, bytes] = field(default_factory=dict)

    def has(self, entry_id: int) -> bool:
        """Whether all of it is known but the users."""
        entry = self.entries.get(entry_id)
        if entry is None:
            return entry_id in self.entries
        if entry.tweet_id in self.marks and entry.tweet_id in self.entries:
            return True
        return entry.tweet_id in self.entries and self.entries[entry.tweet_id] is None


def load(entry_ids: Sequence[int], *, viewer_id: int) -> list[Fragment]:
    """The entries that exist, in the order given: from the cache, else from the services.

    Raises `Unavailable` where tweets is down and something isn't cached. While accounts is down,
    authors who aren't cached are null.
    """
    if not entry_ids:
        return []
    shard = shards.of(viewer_id)
    try:
        answer = _LOAD(keys=[marks_key(viewer_id)], args=entry_ids, server=shard)
    except OUTAGES as error:
        log.warning("the cache is down: %s", error)
        return _complete(_Known(shard, is_cacheable=False), entry_ids, viewer_id)
    return complete(entry_ids, answer, viewer_id=viewer_id)


def complete(entry_ids: Sequence[int], answer: Any, *, viewer_id: int) -> list[Fragment]:
    """As `load`, from what `cached` in fragments.lua answered for the entries."""
    ready = list(map(_assemble_cached, entry_ids, *answer))
    if None not in ready:
        FRAGMENTS_READ.inc(len(ready))
        return cast(list[Fragment], ready)
    known = _Known(shards.of(viewer_id))
    for item in zip(entry_ids, *answer, strict=True):
        _learn(known, *item)
    return _complete(known, entry_ids, viewer_id)


def _complete(known: _Known, entry_ids: Sequence[int], viewer_id: int) -> list[Fragment]:
    FRAGMENTS_READ.inc(len(entry_ids))
    _ask_tweets(known, [id for id in entry_ids if not known.has(id)], viewer_id)
    pairs = list(_pairs(known, entry_ids))
    _learn_users(known, {part.user_id for _, *pair in pairs for part in pair})
    return [_assemble(known, *pair) for pair in pairs]


def load_authors(user_ids: Collection[int]) -> dict[int, Author | None]:
    """Those who are neither gone nor suspended, as they are shown; None for who isn't cached while
    accounts is down.
    """
    if not user_ids:
        return {}
    known = _Known(shards.of(min(user_ids)))
    _learn_users(known, user_ids)
    jsons = {id: known.users.get(id, _NULL) for id in user_ids}
    return {id: orjson.loads(json) for id, json in jsons.items() if json is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change made stale."""

    entries: Collection[int] = ()  # tweets and reposts that look different or are gone
    users: Collection[int] = ()  # authors who look different, went or came back
    viewer: int | None = None  # who liked or reposted the entries, or took it back


def drop(change: Change) -> None:
    """For the worker that hears of the change: an outage is raised, so that it tries again."""
    keys = [*map(tweet_key, change.entries), *map(user_key, change.users)]

    def drop_there(shard: str) -> None:
        pipeline = redis_client(shard).pipeline(transaction=False)
        if keys:
            pipeline.unlink(*keys)
        if change.viewer is not None and change.entries and shard == shards.of(change.viewer):
            pipeline.hdel(marks_key(change.viewer), *change.entries)
        pipeline.execute()

    shards.on_each(drop_there)


def drop_after_commit(service: str, change: Change) -> None:
    """For the writer, in its transaction. An outage costs nothing but the worker's later turn."""

    def drop_now() -> None:
        try:
            drop(change)
        except OUTAGES as error:
            log.warning("the cache is left to the worker: %s", error)

    on_commit(service, drop_now)


@lru_cache(_READY)
def _assemble_cached(entry_id: int, *blobs: bytes | None) -> Fragment | None:
    """The fragment if all of it is in the blobs. Who reads them again, reads what was made of them.

    A popular tweet comes by many times a second.
    """
    known = _Known(shard="")  # which nobody is asked for
    _learn(known, entry_id, *blobs)
    if not known.has(entry_id):
        return None
    for _, entry, tweet in _pairs(known, [entry_id]):
        if entry.user_id in known.users and tweet.user_id in known.users:
            return _assemble(known, entry_id, entry, tweet)
    return None


def _learn(
    known: _Known,
    entry_id: int,
    blob: bytes | None,
    original: bytes | None,
    reposter: bytes | None,
    author: bytes | None,
    mark: bytes | None,
) -> None:
    """What the blobs tell of an entry; junk tells nothing."""
    learn_entry(known.entries, entry_id, blob)
    if entry := known.entries.get(entry_id):
        if entry.tweet_id != entry_id:
            if not (original or b"").startswith(b"R"):  # nobody reposts a repost
                learn_entry(known.entries, entry.tweet_id, original)
            learn_user(known.users, entry.user_id, reposter)
        if tweet := known.entries.get(entry.tweet_id):
            learn_user(known.users, tweet.user_id, author)
        if mark in MARKS:
            known.marks[entry.tweet_id] = mark


def _pairs(known: _Known, entry_ids: Sequence[int]) -> Iterator[tuple[int, Entry, Entry]]:
    """Those of the entries that exist, each with its tweet: itself, unless it is a repost."""
    for entry_id in entry_ids:
        if (entry := known.entries.get(entry_id)) and (tweet := known.entries.get(entry.tweet_id)):
            yield entry_id, entry, tweet


def _ask_tweets(known: _Known, missing: Sequence[int], viewer_id: int) -> None:
    if not missing:
        return
    # A repost that is gone leads to no original, so originals are asked for by their own ids: an
    # id that the answer lacks doesn't exist, and only ids that were asked for are cached.
    originals = [entry.tweet_id for id in missing if (entry := known.entries.get(id))]
    asked = list(dict.fromkeys([*missing, *originals]))
    FRAGMENTS_MISSED.labels("tweet").inc(len(missing))
    lease = None
    if known.is_cacheable:
        lease = take_lease(known.shard, map(tweet_key, asked), marks_key(viewer_id), asked)

    known.entries.update(dict.fromkeys(asked))
    fresh = tweets.get_tweets(asked, viewer_id=viewer_id)
    for tweet in fresh:
        known.entries[tweet.id] = original_of(tweet)
        known.marks[tweet.id] = mark_of(tweet)
        if tweet.reposted_by_id is not None:
            known.entries[tweet.entry_id] = entry_of(tweet)

    values = {tweet_key(id): tweet_blob(id, known.entries[id]) for id in asked}
    marks = {tweet.id: known.marks[tweet.id] for tweet in fresh}
    fill(known.shard, lease, values, marks_key(viewer_id), marks)


def _learn_users(known: _Known, user_ids: Collection[int]) -> None:
    """From the cache: who wrote a tweet that wasn't there may be there. Else from accounts."""
    missing = [id for id in user_ids if id not in known.users]
    if missing and known.is_cacheable:
        try:
            names = [user_key(id) for id in missing]
            blobs = _FETCH(keys=names, server=known.shard)
        except OUTAGES as error:
            log.warning("the cache is down: %s", error)
            known.is_cacheable = False
        else:
            for id, blob in zip(missing, blobs, strict=True):
                learn_user(known.users, id, blob)
    _ask_accounts(known, [id for id in missing if id not in known.users])


def _ask_accounts(known: _Known, missing: Sequence[int]) -> None:
    if not missing:
        return
    FRAGMENTS_MISSED.labels("user").inc(len(missing))
    lease = take_lease(known.shard, map(user_key, missing)) if known.is_cacheable else None
    try:
        found = accounts.get_users(missing)
    except Unavailable:
        return  # their tweets are shown without them
    values = {}
    for user_id in missing:
        user = found.get(user_id)
        known.users[user_id] = json_of(user) if user else None
        values[user_key(user_id)] = user_blob(user_id, known.users[user_id])
    fill(known.shard, lease, values)


def _assemble(known: _Known, entry_id: int, entry: Entry, tweet: Entry) -> Fragment:
    author = known.users.get(tweet.user_id, _NULL)
    mark = MARKS[known.marks[tweet.tweet_id]]
    if entry is tweet:
        json = b'%b,"author":%b%b}' % (tweet.json, author or _NULL, mark)
        return Fragment(entry_id, entry_id, author is not None, json)
    reposter = known.users.get(entry.user_id, _NULL)
    json = b'%b,"author":%b%b,"entry_id":"%d","reposted_by":%b}' % (
        tweet.json, author or _NULL, mark, entry_id, reposter or _NULL,
    )  # fmt: skip
    is_visible = author is not None and reposter is not None
    return Fragment(entry_id, tweet.tweet_id, is_visible, json)


def take_lease(
    shard: str, keys: Iterable[str], marks: str = "", tweet_ids: Collection[int] = ()
) -> bytes | None:
    """None where Redis refuses or is away: then nothing is cached."""
    lease = b"L" + secrets.token_hex(8).encode()
    try:
        _LEASE(keys=[marks, *keys], args=[lease, _LEASE_SECONDS, *tweet_ids], server=shard)
    except (redis.ResponseError, *OUTAGES) as error:  # full, or away
        log.warning("nothing is cached: %s", error)
        return None
    return lease


def fill(
    shard: str,
    lease: bytes | None,
    values: Mapping[str, bytes],
    marks: str = "",
    mark_of: Mapping[int, bytes] | None = None,
    *,
    seconds: int = SECONDS,
) -> None:
    if lease is None:
        return
    pairs = [part for pair in (mark_of or {}).items() for part in pair]
    with suppress(redis.ResponseError, *OUTAGES):
        _FILL(
            keys=[marks, *values],
            args=[lease, seconds, MOST_MARKS, len(values), *values.values(), *pairs],
            server=shard,
        )
