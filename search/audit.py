"""The index against the tweets that exist and whether their authors can be seen."""

from collections.abc import Collection, Iterator, Sequence

from django.utils import timezone

from common.batches import batched
from grpc_services.clients import tweets
from grpc_services.clients.calls import MAX_IDS
from grpc_services.clients.tweets import Tweet
from search.index import BURIED, SURPLUS, Tombstone, index
from search.rebuild import documents_of

__all__ = ["BURIED", "look", "look_at", "write_anew"]


def look() -> Iterator[tuple[int, dict[int, str]]]:
    """Page by page, how many were looked at and which differ, and how: first every tweet, then
    every document that should be one.
    """
    after_id = None
    while page := tweets.list_tweets(after_id=after_id, limit=MAX_IDS):
        yield len(page), index().differences(documents_of(page))
        after_id = page[-1].id
    for batch in batched(index().iter_ids(), MAX_IDS):
        yield len(batch), _without_tweet(batch)


def look_at(ids: Sequence[int]) -> dict[int, str]:
    """How the index differs for those ids."""
    found: dict[int, str] = {}
    for batch in batched(ids, MAX_IDS):
        found |= index().differences(documents_of(_existing(batch)))
        found |= _without_tweet(index().standing(batch))
    return found


def write_anew(ids: Sequence[int]) -> None:
    """Writes those documents as they should be, and tombstones for what stands for no tweet."""
    for batch in batched(ids, MAX_IDS):
        documents = documents_of(_existing(batch))
        gone = set(batch).difference(document.id for document in documents)
        index().write(documents)
        index().write(Tombstone(id=id, deleted_at=timezone.now()) for id in gone)


def _without_tweet(ids: Collection[int]) -> dict[int, str]:
    existing = {tweet.id for tweet in _existing(ids)}
    return {id: SURPLUS for id in ids if id not in existing}


def _existing(ids: Collection[int]) -> list[Tweet]:
    """The tweets among them; the id of a repost is none."""
    return [tweet for tweet in tweets.get_tweets(ids) if tweet.reposted_by_id is None]
