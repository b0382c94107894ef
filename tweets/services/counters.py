"""The counters of a tweet's likes, replies and reposts."""

from collections.abc import Collection

from django.db.models import F, Model
from django.db.models.functions import Greatest

from common.db import atomic
from common.drift import Drift
from common.errors import NotFound
from common.statements import Increment
from grpc_services.fragments import Change, drop_after_commit
from messaging.events import Event
from messaging.outbox import write_and_publish
from tweets import selectors
from tweets.models import Tweet
from tweets.selectors import Counter


def uncount(
    tweet_ids: Collection[int], counter: Counter, number: int = 1, *, viewer: int | None = None
) -> None:
    """Never below zero, even where a counter had drifted.

    `viewer` is who had liked or reposted the tweets.
    """
    drop_after_commit("tweets", Change(entries=tweet_ids, viewer=viewer))
    tweets = Tweet.objects.filter(id__in=tweet_ids)
    tweets.update(**{counter: Greatest(F(counter) - number, 0)})


def write_and_count(
    *rows: Model, event: Event, tweet_id: int, counter: Counter, viewer: int | None = None
) -> None:
    """Writes the rows and the event and counts one more, by one statement: all who like one tweet
    wait for each other here, and for nothing besides. Raises `NotFound` where the tweet is gone.

    `viewer` is who likes or reposts it.
    """
    counted = Increment(model=Tweet, id=tweet_id, counter=counter)
    if not write_and_publish(*rows, event=event, service="tweets", counted=counted):
        raise NotFound(f"no tweet {tweet_id}")
    drop_after_commit("tweets", Change(entries=[tweet_id], viewer=viewer))


def repair_counters(*, tweet_ids: Collection[int]) -> list[Drift]:
    """Sets the counters of the tweets to the number of rows. Returns what was wrong."""
    with atomic("tweets"):
        locked = Tweet.objects.lock(tweet_ids)  # and nobody likes, reposts or replies meanwhile
        drift = selectors.counter_drift(list(locked.values()))
        for wrong in drift:
            Tweet.objects.filter(id=wrong.id).update(**{wrong.counter: wrong.counted})
        drop_after_commit("tweets", Change(entries=[wrong.id for wrong in drift]))
    return drift
