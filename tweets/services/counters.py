"""The counters of a tweet's likes, replies and reposts."""

from collections.abc import Collection

from django.db.models import F
from django.db.models.functions import Greatest

from common.db import atomic
from grpc_services.fragments import Change, drop_after_commit
from tweets import selectors
from tweets.models import Tweet
from tweets.selectors import Drift


def count(
    tweet_ids: Collection[int], counter: str, change: int, *, viewer: int | None = None
) -> int:
    """Returns how many of the tweets exist. Never below zero, even where a counter had drifted.

    `viewer` is who liked or reposted them, or took it back.
    """
    drop_after_commit("tweets", Change(entries=tweet_ids, viewer=viewer))
    tweets = Tweet.objects.filter(id__in=tweet_ids)
    return tweets.update(**{counter: Greatest(F(counter) + change, 0)})


def repair_counters(*, tweet_ids: Collection[int]) -> list[Drift]:
    """Sets the counters of the tweets to the number of rows. Returns what was wrong."""
    with atomic("tweets"):
        locked = Tweet.objects.lock(tweet_ids)  # and nobody likes, reposts or replies meanwhile
        drift = selectors.counter_drift(list(locked.values()))
        for wrong in drift:
            Tweet.objects.filter(id=wrong.tweet_id).update(**{wrong.counter: wrong.counted})
        drop_after_commit("tweets", Change(entries=[wrong.tweet_id for wrong in drift]))
    return drift
