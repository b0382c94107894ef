"""What the cache of fragments holds under which keys.

- `tweet:{entry_id}`: `T<author's id>|<checksum>\\n<JSON without its closing brace>`, for a repost
  `R<tweet's id>|<reposter's id>`, for what doesn't exist `-`;
- `user:{user_id}`: `U<their id>|<checksum>\\n<JSON of an author>`, for who is gone or suspended
  `-`;
- `marks:{viewer_id}`: a hash, by tweet: two digits, whether the viewer liked and reposted it.

Where one of them should stand there may be a lease (`L…`, see `hydration.fragments`) or junk,
which tells nothing.
"""

from typing import NamedTuple
from zlib import crc32

import orjson

from grpc_services.clients.accounts import User
from grpc_services.clients.tweets import Tweet
from hydration.shapes import show_author, show_facts

_GONE = b"-"
_BOOL = (b"false", b"true")
# By the digits of a mark, how it looks in a tweet's JSON.
MARKS = {
    b"%d%d" % (liked, reposted): b',"liked":%b,"reposted":%b' % (_BOOL[liked], _BOOL[reposted])
    for liked in (0, 1)
    for reposted in (0, 1)
}


class Entry(NamedTuple):
    user_id: int  # the author; of a repost, who reposted it
    tweet_id: int  # of a repost, the original
    json: bytes  # empty for a repost


def tweet_key(entry_id: int) -> str:
    return f"tweet:{entry_id}"


def user_key(user_id: int) -> str:
    return f"user:{user_id}"


def marks_key(viewer_id: int) -> str:
    return f"marks:{viewer_id}"


def original_of(tweet: Tweet) -> Entry:
    """The tweet itself, also where a repost brought it."""
    return Entry(tweet.user_id, tweet.id, orjson.dumps(show_facts(tweet))[:-1])


def entry_of(tweet: Tweet) -> Entry:
    if tweet.reposted_by_id is None:
        return original_of(tweet)
    return Entry(tweet.reposted_by_id, tweet.id, b"")


def json_of(user: User) -> bytes:
    return orjson.dumps(show_author(user))


def mark_of(tweet: Tweet) -> bytes:
    return b"%d%d" % (bool(tweet.liked), bool(tweet.reposted))


def tweet_blob(entry_id: int, entry: Entry | None) -> bytes:
    if entry is None:
        return _GONE
    if entry.tweet_id != entry_id:
        return b"R%d|%d" % (entry.tweet_id, entry.user_id)
    return b"T%d|%d\n%b" % (entry.user_id, crc32(entry.json), entry.json)


def user_blob(user_id: int, json: bytes | None) -> bytes:
    return _GONE if json is None else b"U%d|%d\n%b" % (user_id, crc32(json), json)


def learn_entry(entries: dict[int, Entry | None], entry_id: int, blob: bytes | None) -> None:
    """Adds what the blob says of the entry, None for what doesn't exist; junk adds nothing."""
    if blob == _GONE:
        entries[entry_id] = None
    elif blob and (entry := _parse_entry(entry_id, blob)):
        entries[entry_id] = entry


def learn_user(users: dict[int, bytes | None], user_id: int, blob: bytes | None) -> None:
    """Likewise the JSON of an author."""
    if blob == _GONE:
        users[user_id] = None
    elif blob and (checked := _check(blob, b"U")):
        users[user_id] = checked[1]


def _parse_entry(entry_id: int, blob: bytes) -> Entry | None:
    if checked := _check(blob, b"T"):
        return Entry(int(checked[0]), entry_id, checked[1])
    original, _, reposter = blob[1:].partition(b"|")
    if blob[:1] == b"R" and original.isdigit() and reposter.isdigit():
        return Entry(int(reposter), int(original), b"")
    return None


def _check(blob: bytes, kind: bytes) -> tuple[bytes, bytes] | None:
    """The id in front of a blob and its JSON, unless it is junk."""
    head, _, json = blob.partition(b"\n")
    id, _, checksum = head[1:].partition(b"|")
    if head[:1] != kind or not id.isdigit() or checksum != b"%d" % crc32(json):
        return None
    return id, json
