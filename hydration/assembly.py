"""Assembles the JSON of tweets from fragments, without I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from hydration.codec import MARK_JSON, CachedEntry, Entry, Row, decode_entry, decode_user
from hydration.visibility import all_exist

NULL = b"null"
# Assembled tweets that a process remembers, some 2 kB each with the values they are made of.
_MEMOIZED = 8192


class HydratedTweet(NamedTuple):
    """A tweet as one viewer sees it under one entry."""

    entry_id: int
    tweet_id: int
    is_visible: bool  # neither the author nor the reposter is suspended or deleted
    json: bytes


@dataclass(slots=True)
class Parts:
    """The known parts of a page. None is a part that does not exist; unknown parts have no key."""

    entries: dict[int, Entry | None] = field(default_factory=dict)
    users: dict[int, bytes | None] = field(default_factory=dict)  # JSON
    marks: dict[int, bytes] = field(default_factory=dict)

    def add(self, entry_id: int, cached: CachedEntry) -> None:
        decode_entry(self.entries, entry_id, cached.entry)
        entry = self.entries.get(entry_id)
        if entry is None:
            return
        if entry.tweet_id != entry_id:
            if not (cached.original or b"").startswith(b"R"):  # a repost is never reposted
                decode_entry(self.entries, entry.tweet_id, cached.original)
            decode_user(self.users, entry.user_id, cached.reposter)
        if tweet := self.entries.get(entry.tweet_id):
            decode_user(self.users, tweet.user_id, cached.author)
        if cached.mark in MARK_JSON:
            self.marks[entry.tweet_id] = cached.mark

    def has_tweet(self, entry_id: int) -> bool:
        """Whether everything but the users is known."""
        entry = self.entries.get(entry_id)
        if entry is None:
            return entry_id in self.entries
        if entry.tweet_id not in self.entries:
            return False
        return entry.tweet_id in self.marks or self.entries[entry.tweet_id] is None

    def pairs(self, entry_ids: Sequence[int]) -> Iterator[tuple[int, Entry, Entry]]:
        """The id of each entry that exists, the entry, and the tweet that it shows."""
        for entry_id in entry_ids:
            if (entry := self.entries.get(entry_id)) and (
                tweet := self.entries.get(entry.tweet_id)
            ):
                yield entry_id, entry, tweet

    def assemble(self, entry_id: int, entry: Entry, tweet: Entry) -> HydratedTweet:
        """Users who are not known, because accounts is down, are null."""
        author = self.users.get(tweet.user_id, NULL)
        mark = MARK_JSON[self.marks[tweet.tweet_id]]
        if entry is tweet:
            json = b'%b,"author":%b%b}' % (tweet.json, author or NULL, mark)
            return HydratedTweet(entry_id, entry_id, all_exist(author), json)
        reposter = self.users.get(entry.user_id, NULL)
        json = b'%b,"author":%b%b,"entry_id":"%d","reposted_by":%b}' % (
            tweet.json, author or NULL, mark, entry_id, reposter or NULL,
        )  # fmt: skip
        is_visible = all_exist(author, reposter)
        return HydratedTweet(entry_id, tweet.tweet_id, is_visible, json)


@lru_cache(_MEMOIZED)
def assemble_cached(entry_id: int, row: Row) -> HydratedTweet | None:
    """The tweet, or None if some part is not cached or the entry does not exist.

    Memoized: popular tweets repeat many times a second.
    """
    parts = Parts()
    parts.add(entry_id, CachedEntry._make(row))
    if not parts.has_tweet(entry_id):
        return None
    for _, entry, tweet in parts.pairs([entry_id]):
        if entry.user_id in parts.users and tweet.user_id in parts.users:
            return parts.assemble(entry_id, entry, tweet)
    return None
