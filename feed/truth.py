"""What a feed holds by the databases of the other services, and timelines built from it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import perf_counter

from django.conf import settings

from common.batches import batched
from common.ids import MAX_ID, created_at
from common.observability.metrics import FEED_REBUILDS
from common.redis import shards
from feed import pulling, store
from feed.lists import TIMELINE, Kind, authored
from feed.store import Timeline
from grpc_services.clients import accounts, tweets
from grpc_services.clients.calls import MAX_IDS


def authors_of(user_id: int) -> list[int]:
    """Whose entries the user's feed shows: those of whom it follows, and its own."""
    return [user_id, *accounts.iter_following_ids(user_id)]


def newest_entries(
    author_ids: Sequence[int], *, limit: int, before_id: int | None = None
) -> list[int]:
    """The authors' entries below `before_id`, newest first. `limit` is 1,000 at most."""
    ids: list[int] = []
    for asked in batched(author_ids, MAX_IDS):
        found = tweets.get_author_tweets(asked, before_id=before_id, limit=limit)
        ids = sorted({*ids, *(entry.id for entry in found)}, reverse=True)[:limit]
    return ids


def entries_of(author_id: int) -> list[int]:
    """As many of the author's entries as a timeline can hold."""
    return newest_entries([author_id], limit=tweets.MAX_ENTRIES)


def build(owner_id: int, kind: Kind = TIMELINE) -> Timeline:
    """Makes the list exist and returns it; where Redis is full it is returned and not kept.

    It is there before the database is read, so nothing posted in between is lost. One that exists
    already is left alone.
    """
    started = perf_counter()
    marker = store.start_building(owner_id, kind)
    built = ask(owner_id, kind)
    if marker is not None:
        store.finish_building(owner_id, marker, built.ids, is_complete=built.is_complete, kind=kind)
    FEED_REBUILDS.observe(perf_counter() - started)
    return (store.read(owner_id, kind) if marker is not None else None) or built


def ask(owner_id: int, kind: Kind = TIMELINE) -> Timeline:
    """The list as the database has it now."""
    author_ids = authors_of(owner_id) if kind == TIMELINE else [owner_id]
    entries = newest_entries(author_ids, limit=settings.FEED_SHOWN)
    return Timeline(entries, is_complete=len(entries) < settings.FEED_SHOWN)


def materialise(user_id: int) -> Timeline:
    """The timeline as its owner reads it, pulled authors included; made where it is missing."""
    timeline = store.read(user_id) or build(user_id)
    shard, pulled = shards.of(user_id), pulling.followed_by(user_id)
    kind = authored(shard)
    merged = store.read_all(pulled, kind, shard=shard)
    return store.join(
        [timeline, *(found or build(id, kind) for id, found in zip(pulled, merged, strict=True))]
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How a timeline in Redis differs from what it would be built as."""

    missing: Sequence[int] = ()
    surplus: Sequence[int] = ()
    misplaced: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.misplaced)

    def __str__(self) -> str:
        counted = {
            "missing": self.missing,
            "too many": self.surplus,
            "out of order": self.misplaced,
        }
        return ", ".join(f"{len(entries)} {name}" for name, entries in counted.items())


def compare(owner_id: int, kind: Kind = TIMELINE) -> Difference:
    """A materialised list against the database; one that isn't differs in nothing.

    What readers don't see counts for nothing: entries that were deleted, those of suspended
    authors, and the order of entries that came at much the same time. A timeline needn't have the
    entries of pulled authors: their own lists must.
    """
    listed = store.peek(owner_id, kind)
    if listed is None:
        return Difference()
    author_ids = authors_of(owner_id) if kind == TIMELINE else [owner_id]
    pulled_ids = pulling.followed_by(owner_id) if kind == TIMELINE else []
    expected = newest_entries(author_ids, limit=settings.FEED_SHOWN)
    if not listed.is_complete:  # below its floor the database goes on
        floor = min(listed.entries, default=MAX_ID)
        expected = [id for id in expected if id >= floor]
    pulled = newest_entries(pulled_ids, limit=settings.FEED_SHOWN)
    return Difference(
        missing=sorted(set(expected).difference(listed.entries, pulled), reverse=True),
        surplus=_strangers(set(listed.entries) - set(expected), author_ids),
        misplaced=_misplaced(listed.entries),
    )


def _strangers(entries: Collection[int], author_ids: Collection[int]) -> list[int]:
    """Those of the entries that exist and are by others whom one can see."""
    shown = tweets.get_tweets(list(entries))
    authors = {tweet.entry_id: tweet.reposted_by_id or tweet.user_id for tweet in shown}
    known = accounts.get_users(set(authors.values()).difference(author_ids))
    return sorted((entry for entry, author in authors.items() if author in known), reverse=True)


def _misplaced(entries: Sequence[int]) -> list[int]:
    """Those that stand above one which came after them by more than fan-out takes."""
    newest_below = 0
    found = []
    for entry in reversed(entries):
        if newest_below and created_at(newest_below) - created_at(entry) > store.OUT_OF_ORDER:
            found.append(entry)
        newest_below = max(newest_below, entry)
    return found
