"""The entries that a list should hold, from the databases of accounts and tweets."""

from collections.abc import Sequence

from django.conf import settings

from common.batches import batched
from feed.lists import TIMELINE, Kind
from feed.reads import Timeline
from grpc_services.clients import accounts, tweets
from grpc_services.clients.calls import MAX_IDS


def authors_of(user_id: int) -> list[int]:
    """The authors whose entries the user's feed shows: the user and everyone the user follows."""
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
    """The author's newest entries, as many as a timeline can hold."""
    return newest_entries([author_id], limit=tweets.MAX_ENTRIES)


def expected_list(owner_id: int, kind: Kind = TIMELINE) -> Timeline:
    """The list as the database has it."""
    author_ids = authors_of(owner_id) if kind == TIMELINE else [owner_id]
    entries = newest_entries(author_ids, limit=settings.FEED_SHOWN)
    return Timeline(entries, is_complete=len(entries) < settings.FEED_SHOWN)
