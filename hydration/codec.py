"""The keys and values of the cache.

- `tweet:{entry_id}`: `T<author's id>|<checksum>\\n<JSON without its closing brace>` for a tweet,
  `R<tweet's id>|<reposter's id>` for a repost, `-` for an entry that does not exist;
- `user:{user_id}`: `U<user's id>|<checksum>\\n<JSON of an author>`, or `-` for a user who is
  suspended or has no account;
- `marks:{viewer_id}`: a hash from tweet ids to two digits: has the viewer liked it, reposted it?

A key may also hold a lease (`L…`, see `hydration.leases`) or junk, which the checksum finds. Both
count as not cached.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias
from zlib import crc32

import orjson

from grpc_services.clients.accounts import User
from grpc_services.clients.tweets import Tweet
from hydration.shapes import show_author, show_facts

_GONE = b"-"
_BOOL = (b"false", b"true")
# The end of a tweet's JSON, by mark.
MARK_JSON = {
    b"%d%d" % (liked, reposted): b',"liked":%b,"reposted":%b' % (_BOOL[liked], _BOOL[reposted])
    for liked in (0, 1)
    for reposted in (0, 1)
}


class CachedEntry(NamedTuple):
    """The values that an entry is shown from. None is not cached."""

    entry: bytes | None  # `tweet:` of the entry itself
    original: bytes | None  # `tweet:` of the tweet that a repost shows; None for a tweet
    reposter: bytes | None  # `user:` of the reposter; None for a tweet
    author: bytes | None  # `user:` of the tweet's author
    mark: bytes | None  # the viewer's mark of the tweet


# `cached` in scripts/cached.lua returns the fields of each entry's `CachedEntry`, flat.
CachedValues: TypeAlias = Sequence[bytes | None]
# The fields of one `CachedEntry`. A plain tuple, because making 20 named tuples takes as long as
# parsing the page.
Row: TypeAlias = tuple[bytes | None, ...]


class Entry(NamedTuple):
    user_id: int  # the author, or for a repost the reposter
    tweet_id: int  # for a repost, the original
    json: bytes  # empty for a repost


def rows_of(values: CachedValues) -> list[Row]:
    return list(zip(*[iter(values)] * len(CachedEntry._fields), strict=True))


def tweet_key(entry_id: int) -> str:
    return f"tweet:{entry_id}"


def user_key(user_id: int) -> str:
    return f"user:{user_id}"


def marks_key(viewer_id: int) -> str:
    return f"marks:{viewer_id}"


def original_of(tweet: Tweet) -> Entry:
    """The tweet's own entry, also if `tweet` was read by the id of a repost."""
    return Entry(tweet.user_id, tweet.id, orjson.dumps(show_facts(tweet))[:-1])


def entry_of(tweet: Tweet) -> Entry:
    if tweet.reposted_by_id is None:
        return original_of(tweet)
    return Entry(tweet.reposted_by_id, tweet.id, b"")


def author_json(user: User) -> bytes:
    return orjson.dumps(show_author(user))


def mark_of(tweet: Tweet) -> bytes:
    return b"%d%d" % (bool(tweet.liked), bool(tweet.reposted))


def encode_entry(entry_id: int, entry: Entry | None) -> bytes:
    if entry is None:
        return _GONE
    if entry.tweet_id != entry_id:
        return b"R%d|%d" % (entry.tweet_id, entry.user_id)
    return b"T%d|%d\n%b" % (entry.user_id, crc32(entry.json), entry.json)


def encode_user(user_id: int, json: bytes | None) -> bytes:
    return _GONE if json is None else b"U%d|%d\n%b" % (user_id, crc32(json), json)


def decode_entry(entries: dict[int, Entry | None], entry_id: int, value: bytes | None) -> None:
    """Adds the entry to `entries`: None if it does not exist, nothing if it is not cached."""
    if value == _GONE:
        entries[entry_id] = None
    elif value and (entry := _parse_entry(entry_id, value)):
        entries[entry_id] = entry


def decode_user(users: dict[int, bytes | None], user_id: int, value: bytes | None) -> None:
    """Adds the author's JSON to `users` in the same way."""
    if value == _GONE:
        users[user_id] = None
    elif value and (checked := _check(value, b"U")):
        users[user_id] = checked[1]


def _parse_entry(entry_id: int, value: bytes) -> Entry | None:
    if checked := _check(value, b"T"):
        return Entry(int(checked[0]), entry_id, checked[1])
    original, _, reposter = value[1:].partition(b"|")
    if value[:1] == b"R" and original.isdigit() and reposter.isdigit():
        return Entry(int(reposter), int(original), b"")
    return None


def _check(value: bytes, kind: bytes) -> tuple[bytes, bytes] | None:
    """The id and the JSON in a value; None if the kind or the checksum is wrong."""
    head, _, json = value.partition(b"\n")
    id, _, checksum = head[1:].partition(b"|")
    if head[:1] != kind or not id.isdigit() or checksum != b"%d" % crc32(json):
        return None
    return id, json
