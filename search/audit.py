"""The index, compared with the existing tweets and with the visibility of their authors."""

from collections.abc import Collection, Iterator, Sequence

from django.utils import timezone

from common.batches import batched
from grpc_services.clients import tweets
from grpc_services.clients.calls import MAX_IDS
from grpc_services.clients.tweets import Tweet
from search.index import SURPLUS, TOMBSTONED, Tombstone, index
from search.rebuild import documents_of

__all__ = ["TOMBSTONED", "find", "recheck", "rewrite"]


def find() -> Iterator[tuple[int, dict[int, str]]]:
    """Compares all tweets with the index, then all documents with the tweets.

    Yields for each page its length and its differences: a problem of `search.index` by id.
    """
    after_id = None
    while page := tweets.list_tweets(after_id=after_id, limit=MAX_IDS):
        yield len(page), index().differences(documents_of(page))
        after_id = page[-1].id
    for batch in batched(index().iter_ids(), MAX_IDS):
        yield len(batch), _surplus(batch)


def recheck(ids: Sequence[int]) -> dict[int, str]:
    """The differences of these tweets or documents."""
    found: dict[int, str] = {}
    for batch in batched(ids, MAX_IDS):
        found |= index().differences(documents_of(_existing(batch)))
        found |= _surplus(index().find_indexed(batch))
    return found


def rewrite(ids: Sequence[int]) -> None:
    """Writes the documents of these tweets, and tombstones for ids without a tweet."""
    for batch in batched(ids, MAX_IDS):
        documents = documents_of(_existing(batch))
        gone = set(batch).difference(document.id for document in documents)
        index().write(documents)
        index().write(Tombstone(id=id, deleted_at=timezone.now()) for id in gone)


def _surplus(ids: Collection[int]) -> dict[int, str]:
    existing = {tweet.id for tweet in _existing(ids)}
    return {id: SURPLUS for id in ids if id not in existing}


def _existing(ids: Collection[int]) -> list[Tweet]:
    """The tweets among the ids, without reposts."""
    return [tweet for tweet in tweets.get_tweets(ids) if tweet.reposted_by_id is None]
