"""Increments of `num_tweets`, and the repair of all three counters."""

from collections.abc import Collection
from datetime import timedelta

from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from accounts import selectors
from accounts.models import TweetCount, User
from common.db import atomic, prune, violated
from common.drift import Drift
from common.errors import NotFound

# Longer than any event takes to arrive.
KEPT = timedelta(days=90)


def increment_tweets(*, user_id: int, delta: int, key: str) -> None:
    """Counts once per key, also for concurrent calls. Raises `NotFound` without an account."""
    try:
        with atomic("accounts"):
            TweetCount.objects.create(key=key, user_id=user_id, delta=delta)
            user = User.objects.filter(id=user_id)
            if not user.update(num_tweets=F("num_tweets") + delta):
                raise NotFound(f"no user {user_id}")
    except IntegrityError as error:
        if not violated(error, "accounts_tweetcount_pkey", "accounts_tweetcount.key"):
            raise


def prune_tweet_counts() -> int:
    """Deletes a batch of the keys older than `KEPT`. Returns their number."""
    return prune(TweetCount.objects.filter(at__lt=timezone.now() - KEPT), by="at")


def repair_follow_counters(*, user_ids: Collection[int]) -> list[Drift]:
    """Sets both follow counters of the users to the number of rows. Returns the drift found."""
    with atomic("accounts"):
        users = User.objects.lock(*user_ids)  # excludes concurrent follows and unfollows
        drift = selectors.follow_drift(list(users.values()))
        for wrong in drift:
            User.objects.filter(id=wrong.id).update(**{wrong.counter: wrong.counted})
    return drift


def repair_num_tweets(*, user_id: int, stored: int, counted: int) -> bool:
    """Sets `num_tweets` to `counted` if it still equals `stored`. Returns whether it did."""
    user = User.objects.filter(id=user_id, num_tweets=stored)
    return bool(user.update(num_tweets=counted))
