"""Comparing lists in Redis with the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from common.ids import MAX_ID, created_at
from feed import pulling, reads, writes
from feed.expected import authors_of, newest_entries
from feed.lists import TIMELINE, Kind
from grpc_services.clients import accounts, tweets

# Fan-out leaves entries out of order only if they are less than this apart.
OUT_OF_ORDER = timedelta(seconds=2 * writes.MARKER_SECONDS)


@dataclass(frozen=True, slots=True)
class Difference:
    missing: Sequence[int] = ()
    surplus: Sequence[int] = ()
    out_of_order: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.out_of_order)

    def __str__(self) -> str:
        counted = {
            "missing": self.missing,
            "too many": self.surplus,
            "out of order": self.out_of_order,
        }
        return ", ".join(f"{len(entries)} {name}" for name, entries in counted.items())


def compare(owner_id: int, kind: Kind = TIMELINE) -> Difference:
    """Compares a list with the database; a list that does not exist has no difference.

    It ignores differences that readers don't see: deleted entries, entries of suspended authors,
    the order of entries less than two minutes apart, and entries that a timeline lacks because
    readers merge their author's own list.
    """
    listed = reads.peek(owner_id, kind)
    if listed is None:
        return Difference()
    author_ids = authors_of(owner_id) if kind == TIMELINE else [owner_id]
    pulled_ids = pulling.followed_by(owner_id) if kind == TIMELINE else []
    expected = newest_entries(author_ids, limit=settings.FEED_SHOWN)
    if not listed.is_complete:  # below its floor, readers continue in the database
        floor = min(listed.entries, default=MAX_ID)
        expected = [id for id in expected if id >= floor]
    pulled = newest_entries(pulled_ids, limit=settings.FEED_SHOWN)
    return Difference(
        missing=sorted(set(expected).difference(listed.entries, pulled), reverse=True),
        surplus=_by_others(set(listed.entries) - set(expected), author_ids),
        out_of_order=_out_of_order(listed.entries),
    )


def _by_others(entries: Collection[int], author_ids: Collection[int]) -> list[int]:
    """The existing entries by visible authors who are not in `author_ids`, newest first."""
    shown = tweets.get_tweets(list(entries))
    authors = {tweet.entry_id: tweet.reposted_by_id or tweet.user_id for tweet in shown}
    known = accounts.get_users(set(authors.values()).difference(author_ids))
    return sorted((entry for entry, author in authors.items() if author in known), reverse=True)


def _out_of_order(entries: Sequence[int]) -> list[int]:
    """The entries above one that is newer by more than `OUT_OF_ORDER`."""
    newest_below = 0
    found = []
    for entry in reversed(entries):
        if newest_below and created_at(newest_below) - created_at(entry) > OUT_OF_ORDER:
            found.append(entry)
        newest_below = max(newest_below, entry)
    return found
