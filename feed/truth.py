"""What a feed holds by the databases of the other services, and timelines built from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from django.conf import settings

from common.ids import MAX_ID
from common.metrics import FEED_REBUILDS
from feed import store
from feed.store import Timeline
from grpc_services.clients import accounts, tweets

_AUTHORS_A_CALL = 1000


def authors_of(user_id: int) -> list[int]:
    """Whose entries the user's feed shows: those of whom it follows, and its own."""
    return [user_id, *accounts.iter_following_ids(user_id)]


def newest_entries(
    author_ids: Sequence[int], *, limit: int, before_id: int | None = None
) -> list[int]:
    """The authors' entries below `before_id`, newest first. `limit` is 1,000 at most."""
    ids: list[int] = []
    for start in range(0, len(author_ids), _AUTHORS_A_CALL):
        asked = author_ids[start : start + _AUTHORS_A_CALL]
        found = tweets.get_author_tweets(asked, before_id=before_id, limit=limit)
        ids = sorted({*ids, *(entry.id for entry in found)}, reverse=True)[:limit]
    return ids


def build(user_id: int) -> Timeline:
    """Makes the timeline exist and returns it.

    The list is there before the database is read, so nothing posted in between is lost. One that
    exists already is left alone.
    """
    started = perf_counter()
    store.start_building(user_id)
    entries = newest_entries(authors_of(user_id), limit=settings.FEED_SHOWN)
    is_complete = len(entries) < settings.FEED_SHOWN
    store.finish_building(user_id, entries, is_complete=is_complete)
    FEED_REBUILDS.observe(perf_counter() - started)
    return store.read(user_id) or Timeline(entries, is_complete)


def materialise(user_id: int) -> Timeline:
    """The timeline as it stands, built where it is missing."""
    return store.read(user_id) or build(user_id)


@dataclass(frozen=True, slots=True)
class Difference:
    """How a timeline in Redis differs from what it would be built as."""

    missing: Sequence[int]
    surplus: Sequence[int]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus)

    def __str__(self) -> str:
        return f"{len(self.missing)} missing, {len(self.surplus)} too many"


def compare(user_id: int) -> Difference:
    """A materialised timeline against the database; one that isn't differs in nothing.

    Deleted entries that still stand in the list count for nothing: readers don't see them.
    """
    timeline = store.read(user_id)
    if timeline is None:
        return Difference([], [])
    listed = [entry for entry in timeline.entries if isinstance(entry, int)]
    expected = newest_entries(authors_of(user_id), limit=settings.FEED_SHOWN)
    if not timeline.is_complete:  # below its floor the database goes on
        floor = listed[-1] if listed else MAX_ID
        expected = [id for id in expected if id >= floor]
    existing = {tweet.entry_id for tweet in tweets.get_tweets(listed)}
    surplus = sorted(existing & set(listed) - set(expected), reverse=True)
    return Difference(sorted(set(expected) - set(listed), reverse=True), surplus)
