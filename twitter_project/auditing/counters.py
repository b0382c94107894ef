"""The counters of users and tweets, compared with the rows that they count."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from math import ceil
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
from tweets.models import Tweet
from twitter_project.auditing.checks import Check, Checked, Finding

T = TypeVar("T")

PAGE = 1000

# By the rows that they count.
_OF_FOLLOWS = ("num_followers", "num_following")
_OF_TWEETS = ("num_tweets",)
_OF_REACTIONS = ("num_likes", "num_replies", "num_reposts")

_LOCKED = 100  # users or tweets that one transaction locks


def count() -> int:
    """Pages of users, once for follows and once for tweets, and pages of tweets."""
    num_users: int = User.objects.count()
    num_tweets: int = Tweet.objects.tweets().count()
    return 2 * ceil(num_users / PAGE) + ceil(num_tweets / PAGE)


def find() -> Iterator[Checked]:
    for follows in _pages(accounts.selectors.find_follow_drift):
        yield Checked(1, _findings(follows.items))
    for users in _pages(accounts.selectors.get_tweet_counters):
        yield Checked(1, _findings(_num_tweets_drift(dict(users.items))))
    for reactions in _pages(tweets.selectors.find_counter_drift):
        yield Checked(1, _findings(reactions.items))


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    """Counts again. A user's or tweet's row is locked meanwhile, except for `num_tweets`."""
    drift: list[Drift] = []
    for ids in _ids(findings, _OF_FOLLOWS):
        with atomic("accounts"):
            drift += accounts.selectors.follow_drift(list(User.objects.lock(*ids).values()))
    drift += _recount_num_tweets(findings)
    for ids in _ids(findings, _OF_REACTIONS):
        with atomic("tweets"):
            drift += tweets.selectors.counter_drift(list(Tweet.objects.lock(ids).values()))
    return _findings(drift)


def repair(findings: Sequence[Finding]) -> None:
    """Counts again before it writes, because the numbers may have changed."""
    for ids in _ids(findings, _OF_FOLLOWS):
        accounts.services.repair_follow_counters(user_ids=ids)
    for wrong in _recount_num_tweets(findings):
        accounts.services.repair_num_tweets(
            user_id=wrong.id, stored=wrong.stored, counted=wrong.counted
        )
    for ids in _ids(findings, _OF_REACTIONS):
        tweets.services.repair_counters(tweet_ids=ids)


def waits_for(finding: Finding) -> Collection[str]:
    """The other counters change in the transaction that writes the row."""
    return ["tweets"] if finding.problem in _OF_TWEETS else []


def _pages(find: Callable[..., Page[T]]) -> Iterator[Page[T]]:
    after_id = 0
    while True:
        page = find(after_id=after_id, limit=PAGE)
        yield page
        if page.next is None:
            return
        after_id = page.next


def _recount_num_tweets(findings: Iterable[Finding]) -> Iterator[Drift]:
    for ids in _ids(findings, _OF_TWEETS):
        for user in User.objects.filter(id__in=ids).values_list("id", "num_tweets"):
            yield from _num_tweets_drift(dict([user]))


def _num_tweets_drift(stored: dict[int, int]) -> list[Drift]:
    """`stored` holds `num_tweets` by user."""
    counted = _count_tweets(min(stored) - 1, max(stored)) if stored else {}
    return [
        Drift("user", id, "num_tweets", number, counted.get(id, 0))
        for id, number in stored.items()
        if number != counted.get(id, 0)
    ]


def _count_tweets(after_id: int, last_id: int) -> dict[int, int]:
    """The number of tweets of each user in the range. Users without tweets are left out."""
    counted: dict[int, int] = {}
    while after_id < last_id:
        page = tweets.selectors.count_tweets(after_user_id=after_id, limit=PAGE)
        counted |= page
        after_id = max(page) if len(page) == PAGE else last_id
    return counted


def _ids(findings: Iterable[Finding], counters: Collection[str]) -> Iterator[list[int]]:
    """Batches of the users or tweets whose counters are among these."""
    return batched(sorted({f.id for f in findings if f.problem in counters}), _LOCKED)


def _findings(drift: Iterable[Drift]) -> list[Finding]:
    return [
        Finding(
            f"{wrong.owner} {wrong.id}",
            wrong.counter,
            wrong.id,
            detail=f"is {wrong.stored}, counted {wrong.counted}",
        )
        for wrong in drift
    ]


CHECK = Check(
    name="counters",
    unit="pages",
    count=count,
    find=find,
    recheck=recheck,
    repair=repair,
    waits_for=waits_for,
)
