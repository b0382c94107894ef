"""All counters held against the rows that they count, over the borders of services.

Drift is looked at twice: what is under way at the first look has arrived at the second.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import accounts.selectors
import accounts.services
import tweets.selectors
import tweets.services
from accounts.models import User
from common.batches import batched
from common.db import atomic
from common.drift import Drift
from common.http.pagination import Page
from messaging.draining import wait_until_drained
from messaging.worker import workers
from tweets.models import Tweet

T = TypeVar("T")

PAGE = 1000
_REPAIR_BATCH = 100


def find_drift(advance: Callable[[str], object]) -> list[Drift]:
    """Reads everything, by pages. Calls `advance` with "users" or "tweets" after each page."""
    found: list[Drift] = []
    for name, drift in iter_drift():
        found += drift
        advance(name)
    return found


def iter_drift() -> Iterator[tuple[str, list[Drift]]]:
    """Page by page: whether of users or tweets, and which of their counters differ."""
    for users in _pages(accounts.selectors.find_follow_drift):
        yield "users", list(users.items)
    for page in _pages(accounts.selectors.get_tweet_counters):
        stored = dict(page.items)
        counted = _count_tweets(min(stored) - 1, max(stored)) if stored else {}
        yield "users", _compare_num_tweets(stored, counted)
    for rows in _pages(tweets.selectors.find_counter_drift):
        yield "tweets", list(rows.items)


def look_again(found: Sequence[Drift]) -> list[Drift]:
    """Those counters of the owners named that still say something else.

    Rows are locked while they are counted, so nothing that is written meanwhile looks like drift.
    """
    confirmed: list[Drift] = []
    by_follows = [wrong for wrong in found if wrong.counter != "num_tweets"]
    for ids in _ids(by_follows, "user"):
        with atomic("accounts"):
            users = list(User.objects.lock(*ids).values())
            confirmed += accounts.selectors.follow_drift(users)
    named = [wrong.id for wrong in found if wrong.counter == "num_tweets"]
    for id, stored in User.objects.filter(id__in=named).values_list("id", "num_tweets"):
        confirmed += _compare_num_tweets({id: stored}, _count_tweets(id - 1, id))
    for ids in _ids(found, "tweet"):
        with atomic("tweets"):
            rows = list(Tweet.objects.lock(ids).values())
            confirmed += tweets.selectors.counter_drift(rows)
    return sorted(confirmed)


def repair(found: Sequence[Drift]) -> None:
    """Counts once more under a lock; what has changed meanwhile is left to the next run."""
    by_follows = [wrong for wrong in found if wrong.counter != "num_tweets"]
    for ids in _ids(by_follows, "user"):
        accounts.services.repair_follow_counters(user_ids=ids)
    for ids in _ids(by_follows, "tweet"):
        tweets.services.repair_counters(tweet_ids=ids)
    for wrong in found:
        if wrong.counter == "num_tweets":
            accounts.services.repair_num_tweets(
                user_id=wrong.id, stored=wrong.stored, counted=wrong.counted
            )


def wait_for_news(seconds: float) -> bool:
    """Waits until no older event is on its way to `num_tweets`; False if that takes longer."""
    return wait_until_drained([workers()["tweets"].queue], seconds)


def _pages(find: Callable[..., Page[T]]) -> Iterator[Page[T]]:
    after_id = 0
    while True:
        page = find(after_id=after_id, limit=PAGE)
        yield page
        if page.next is None:
            return
        after_id = page.next


def _count_tweets(after_id: int, last_id: int) -> dict[int, int]:
    """The tweets of the users between, by user; no entry for those without any."""
    counted: dict[int, int] = {}
    while after_id < last_id:
        page = tweets.selectors.count_tweets(after_user_id=after_id, limit=PAGE)
        counted |= page
        after_id = max(page) if len(page) == PAGE else last_id
    return counted


def _compare_num_tweets(stored: dict[int, int], counted: dict[int, int]) -> list[Drift]:
    return [
        Drift("user", id, "num_tweets", number, counted.get(id, 0))
        for id, number in stored.items()
        if number != counted.get(id, 0)
    ]


def _ids(found: Iterable[Drift], owner: str) -> Iterator[list[int]]:
    """The owners of that kind, each once, by batches."""
    return batched(sorted({wrong.id for wrong in found if wrong.owner == owner}), _REPAIR_BATCH)
