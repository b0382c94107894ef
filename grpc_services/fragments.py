"""Ready-made JSON of tweets and authors, cached in Redis.

A page is assembled from fragments without a query, a call or a serializer:

- `tweet:{entry_id}`: `T<author's id>|<checksum>\\n<JSON without its closing brace>`, for a repost
  `R<tweet's id>|<reposter's id>`, for what doesn't exist `-`;
- `user:{user_id}`: `U<checksum>\\n<JSON of an author>`, for who is gone or suspended `-`;
- `marks:{viewer_id}`: a hash, by tweet: two digits, whether the viewer liked and reposted it.

**Never stale.** Who writes a fact drops its key after the commit, and the worker that hears of the
change drops it again, in case the writer died in between. A reader who finds a key missing puts a
lease (`L…`) there *before* it reads the database, and its value only where the lease still stands:
so what was read before a change can't be cached after it. Everything expires in an hour besides.

Redis may lose the cache, fill it with junk or refuse writes, or be down: then fragments are made
anew. Each shard (`common.shards`) has a cache of its own, with leases of its own, for its readers.
"""

import logging
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast
from zlib import crc32

import orjson
import redis

from common import shards
from common.db import on_commit
from common.errors import OUTAGES, Unavailable
from common.ids import parse_id
from common.metrics import FRAGMENTS_MISSED, FRAGMENTS_READ
from common.scripts import Script
from grpc_services.clients import accounts, tweets
from grpc_services.clients.calls import MAX_IDS
from grpc_services.presentation import Author, show_author, show_facts

SECONDS = 3600
_LEASE_SECONDS = 10
MOST_MARKS = 2000
# Fragments that a process remembers, with the blobs they were made of some 2 kB each.
_READY = 8192
_SCANNED = 500
SCRIPTS = Path(__file__).parent / "scripts"

_BOOL = (b"false", b"true")
_GONE = b"-"
_NULL = b"null"
# By the digits of a mark.
_MARKS = {
    b"%d%d" % (liked, reposted): b',"liked":%b,"reposted":%b' % (_BOOL[liked], _BOOL[reposted])
    for liked in (0, 1)
    for reposted in (0, 1)
}

_FETCH = Script("return redis.call('MGET', unpack(KEYS))")  # null for what is of another type

log = logging.getLogger(__name__)


class Fragment(NamedTuple):
    """A tweet as one viewer sees it under one entry."""

    entry_id: int
    tweet_id: int
    is_visible: bool  # neither its author nor who reposted it is gone
    json: bytes


class _Entry(NamedTuple):
    user_id: int  # the author; of a repost, who reposted it
    tweet_id: int  # of a repost, the original
    json: bytes  # empty for a repost


@dataclass(slots=True)
class _Known:
    """What is known so far. None stands for what doesn't exist; what isn't known has no key."""

    shard: str
    is_cacheable: bool = True  # Redis answers
    entries: dict[int, _Entry | None] = field(default_factory=dict)
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
        answer = script("load")(keys=[marks_key(viewer_id)], args=entry_ids, server=shard)
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
    keys = [*map(_tweet_key, change.entries), *map(_user_key, change.users)]

    def drop_there(shard: str) -> None:
        pipeline = shards.connection(shard).pipeline(transaction=False)
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


def iter_cached(shard: str) -> Iterator[list[str]]:
    """The names of all keys of the cache, some hundred at a time; some may come twice."""
    for kind in ("tweet", "user", "marks"):
        names = shards.connection(shard).scan_iter(match=f"{kind}:*", count=_SCANNED)
        while batch := [name.decode() for name in islice(names, _SCANNED)]:
            yield [name for name in batch if parse_id(name.partition(":")[2])]


def find_stale(shard: str, names: Sequence[str]) -> list[tuple[str, int]]:
    """Those of the keys whose value there is another than it would be made now.

    With each, the tweet whose mark it is in `marks:…`, else 0. Leases and junk are no values.
    """
    owners: dict[str, list[int]] = {"tweet": [], "user": [], "marks": []}
    for name in names:
        kind, _, id = name.partition(":")
        owners[kind].append(int(id))
    stale = [(_tweet_key(id), 0) for id in _find_stale_entries(shard, owners["tweet"])]
    stale += [(_user_key(id), 0) for id in _find_stale_users(shard, owners["user"])]
    for viewer_id in owners["marks"]:
        stale += [(marks_key(viewer_id), id) for id in _find_stale_marks(shard, viewer_id)]
    return stale


def drop_stale(shard: str, stale: Iterable[tuple[str, int]]) -> None:
    """Drops what `find_stale` returned."""
    pipeline = shards.connection(shard).pipeline(transaction=False)
    for name, tweet_id in stale:
        if tweet_id:
            pipeline.hdel(name, str(tweet_id))
        else:
            pipeline.unlink(name)
    pipeline.execute()


def _find_stale_entries(shard: str, entry_ids: Sequence[int]) -> list[int]:
    known = _Known(shard)
    for id, blob in zip(entry_ids, _fetch(shard, map(_tweet_key, entry_ids)), strict=True):
        _learn_entry(known, id, blob)
    cached = known.entries
    originals = {entry.tweet_id for entry in cached.values() if entry}
    shown = {tweet.entry_id: tweet for tweet in _ask_in_batches({*cached, *originals})}
    stale = []
    for id, entry in cached.items():
        tweet = shown.get(id)
        if entry and tweet is None and entry.tweet_id != id and entry.tweet_id not in shown:
            continue  # a repost of what is gone shows nothing, whatever its own key says
        if entry != (_entry_of(tweet) if tweet else None):
            stale.append(id)
    return stale


def _find_stale_users(shard: str, user_ids: Sequence[int]) -> list[int]:
    cached = _Known(shard)
    for id, blob in zip(user_ids, _fetch(shard, map(_user_key, user_ids)), strict=True):
        _learn_user(cached, id, blob)
    known = accounts.get_users(cached.users)
    shown = {id: orjson.dumps(show_author(user)) for id, user in known.items()}
    return [id for id, json in cached.users.items() if json != shown.get(id)]


def _find_stale_marks(shard: str, viewer_id: int) -> list[int]:
    try:
        found: Any = shards.connection(shard).hgetall(marks_key(viewer_id))
    except redis.ResponseError:  # a value of another type
        return []
    marks = {int(id): mark for id, mark in found.items() if parse_id(id) and mark in _MARKS}
    now = {
        tweet.id: b"%d%d" % (bool(tweet.liked), bool(tweet.reposted))
        for tweet in _ask_in_batches(marks, viewer_id)
    }
    return [id for id, mark in marks.items() if now.get(id, mark) != mark]


def _fetch(shard: str, names: Iterable[str]) -> list[bytes | None]:
    asked = list(names)
    found: Any = shards.connection(shard).mget(asked) if asked else []
    return list(found)


def _ask_in_batches(ids: Collection[int], viewer_id: int | None = None) -> Iterator[tweets.Tweet]:
    left = iter(ids)
    while batch := list(islice(left, MAX_IDS)):
        yield from tweets.get_tweets(batch, viewer_id=viewer_id)


def _entry_of(tweet: tweets.Tweet) -> _Entry:
    if tweet.reposted_by_id is not None:
        return _Entry(tweet.reposted_by_id, tweet.id, b"")
    return _Entry(tweet.user_id, tweet.id, orjson.dumps(show_facts(tweet))[:-1])


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
    _learn_entry(known, entry_id, blob)
    if entry := known.entries.get(entry_id):
        if entry.tweet_id != entry_id:
            if not (original or b"").startswith(b"R"):  # nobody reposts a repost
                _learn_entry(known, entry.tweet_id, original)
            _learn_user(known, entry.user_id, reposter)
        if tweet := known.entries.get(entry.tweet_id):
            _learn_user(known, tweet.user_id, author)
        if mark in _MARKS:
            known.marks[entry.tweet_id] = mark


def _learn_entry(known: _Known, entry_id: int, blob: bytes | None) -> None:
    if blob == _GONE:
        known.entries[entry_id] = None
    elif blob and (entry := _parse_entry(entry_id, blob)):
        known.entries[entry_id] = entry


def _learn_user(known: _Known, user_id: int, blob: bytes | None) -> None:
    if blob == _GONE:
        known.users[user_id] = None
    elif blob and (json := _parse_user(blob)):
        known.users[user_id] = json


def _parse_entry(entry_id: int, blob: bytes) -> _Entry | None:
    if checked := _checked(blob, b"T"):
        return _Entry(int(checked[0]), entry_id, checked[1])
    original, _, reposter = blob[1:].partition(b"|")
    if blob[:1] == b"R" and original.isdigit() and reposter.isdigit():
        return _Entry(int(reposter), int(original), b"")
    return None


def _parse_user(blob: bytes) -> bytes | None:
    checked = _checked(blob, b"U")
    return checked[1] if checked else None


def _checked(blob: bytes, kind: bytes) -> tuple[bytes, bytes] | None:
    """The id in front of a blob and its JSON, unless it is junk."""
    head, _, json = blob.partition(b"\n")
    id, _, checksum = head[1:].partition(b"|")
    if head[:1] != kind or not id.isdigit() or checksum != b"%d" % crc32(json):
        return None
    return id, json


def _pairs(known: _Known, entry_ids: Sequence[int]) -> Iterator[tuple[int, _Entry, _Entry]]:
    """Those of the entries that exist, each with its tweet: itself, unless it is a repost."""
    for entry_id in entry_ids:
        if (entry := known.entries.get(entry_id)) and (tweet := known.entries.get(entry.tweet_id)):
            yield entry_id, entry, tweet


def _blob(entry_id: int, entry: _Entry | None) -> bytes:
    if entry is None:
        return _GONE
    if entry.tweet_id != entry_id:
        return b"R%d|%d" % (entry.tweet_id, entry.user_id)
    return b"T%d|%d\n%b" % (entry.user_id, crc32(entry.json), entry.json)


def _ask_tweets(known: _Known, missing: Sequence[int], viewer_id: int) -> None:
    if not missing:
        return
    originals = [entry.tweet_id for id in missing if (entry := known.entries.get(id))]
    leased = {*missing, *originals}
    FRAGMENTS_MISSED.labels("tweet").inc(len(missing))
    lease = None
    if known.is_cacheable:
        lease = take_lease(known.shard, map(_tweet_key, leased), marks_key(viewer_id), leased)

    known.entries.update(dict.fromkeys(missing))
    fresh = tweets.get_tweets(missing, viewer_id=viewer_id)
    for tweet in fresh:
        json = orjson.dumps(show_facts(tweet))[:-1]
        known.entries[tweet.id] = _Entry(tweet.user_id, tweet.id, json)
        known.marks[tweet.id] = b"%d%d" % (bool(tweet.liked), bool(tweet.reposted))
        if tweet.reposted_by_id is not None:
            known.entries[tweet.entry_id] = _Entry(tweet.reposted_by_id, tweet.id, b"")

    values = {_tweet_key(id): _blob(id, known.entries.get(id)) for id in leased}
    marks = {tweet.id: known.marks[tweet.id] for tweet in fresh}
    fill(known.shard, lease, values, marks_key(viewer_id), marks)


def _learn_users(known: _Known, user_ids: Collection[int]) -> None:
    """From the cache: who wrote a tweet that wasn't there may be there. Else from accounts."""
    missing = [id for id in user_ids if id not in known.users]
    if missing and known.is_cacheable:
        try:
            names = [_user_key(id) for id in missing]
            blobs = _FETCH(keys=names, server=known.shard)
        except OUTAGES as error:
            log.warning("the cache is down: %s", error)
            known.is_cacheable = False
        else:
            for id, blob in zip(missing, blobs, strict=True):
                _learn_user(known, id, blob)
    _ask_accounts(known, [id for id in missing if id not in known.users])


def _ask_accounts(known: _Known, missing: Sequence[int]) -> None:
    if not missing:
        return
    FRAGMENTS_MISSED.labels("user").inc(len(missing))
    lease = take_lease(known.shard, map(_user_key, missing)) if known.is_cacheable else None
    try:
        found = accounts.get_users(missing)
    except Unavailable:
        return  # their tweets are shown without them
    values = {}
    for user_id in missing:
        user = found.get(user_id)
        json = orjson.dumps(show_author(user)) if user else None
        known.users[user_id] = json
        values[_user_key(user_id)] = b"U%d|%d\n%b" % (user_id, crc32(json), json) if json else _GONE
    fill(known.shard, lease, values)


def _assemble(known: _Known, entry_id: int, entry: _Entry, tweet: _Entry) -> Fragment:
    author = known.users.get(tweet.user_id, _NULL)
    mark = _MARKS[known.marks[tweet.tweet_id]]
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
        script("lease")(keys=[marks, *keys], args=[lease, _LEASE_SECONDS, *tweet_ids], server=shard)
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
) -> None:
    if lease is None:
        return
    pairs = [part for pair in (mark_of or {}).items() for part in pair]
    with suppress(redis.ResponseError, *OUTAGES):
        script("fill")(
            keys=[marks, *values],
            args=[lease, SECONDS, MOST_MARKS, len(values), *values.values(), *pairs],
            server=shard,
        )


def marks_key(viewer_id: int) -> str:
    return f"marks:{viewer_id}"


def _tweet_key(entry_id: int) -> str:
    return f"tweet:{entry_id}"


def _user_key(user_id: int) -> str:
    return f"user:{user_id}"


@cache
def script(name: str, folder: Path = SCRIPTS, library: str = "") -> Script:
    """A script that may call `cached` of fragments.lua, and what the library holds."""
    sources = [SCRIPTS / "fragments.lua", (folder / name).with_suffix(".lua")]
    return Script(library + "\n".join(source.read_text() for source in sources))
