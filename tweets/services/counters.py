"""Writes of the counters of a tweet's likes, replies and reposts."""

from collections.abc import Collection, Sequence

from django.db.models import F, Model
from django.db.models.functions import Greatest

from common.db import atomic
from common.drift import Drift
from common.errors import NotFound
from common.postgresql.statements import Increment
from hydration.invalidate import Change, drop_after_commit
from messaging.events import Event, TweetCreated
from messaging.outbox import write_and_publish
from tweets import selectors
from tweets.models import Tweet
from tweets.selectors import Counter


def uncount(
    tweet_ids: Collection[int], counter: Counter, number: int = 1, *, viewer: int | None = None
) -> None:
    """Subtracts from the counters, but not below zero, since a counter may have drifted.

    `viewer` is the user whose likes or reposts of the tweets were deleted.
    """
    drop_after_commit("tweets", Change(entries=tweet_ids, viewer=viewer))
    tweets = Tweet.objects.filter(id__in=tweet_ids)
    tweets.update(**{counter: Greatest(F(counter) - number, 0)})


def write_and_count(
    *rows: Model, event: Event, tweet_id: int, counter: Counter, viewer: int | None = None
) -> None:
    """Writes the rows and the event and increments the tweet's counter, in one statement.

    Concurrent likes of one tweet wait for its row's lock for one statement only. `viewer` is the
    user who likes or reposts the tweet. Raises `NotFound` if the tweet is deleted.
    """
    counted = Increment(model=Tweet, id=tweet_id, counter=counter)
    if not _write(rows, event=event, counted=counted, viewer=viewer):
        raise NotFound(f"there is no tweet {tweet_id}")


def write_reply(*rows: Model, event: TweetCreated, parent_id: int) -> bool:
    """Writes a reply as `write_and_count` does. Writes nothing and returns False if the parent is
    deleted or has a reply with a greater id.

    Replies therefore commit in the order of their ids, and a client that pages through them, oldest
    first, misses none that commits late.
    """
    counted = Increment(
        model=Tweet, id=parent_id, counter="num_replies", raised=("last_reply_id", event.id)
    )
    return _write(rows, event=event, counted=counted)


def _write(
    rows: Sequence[Model], *, event: Event, counted: Increment, viewer: int | None = None
) -> bool:
    is_written = write_and_publish(*rows, event=event, service="tweets", counted=counted)
    if is_written:
        drop_after_commit("tweets", Change(entries=[counted.id], viewer=viewer))
    return is_written


def repair_counters(*, tweet_ids: Collection[int]) -> list[Drift]:
    """Sets the tweets' counters to the numbers of rows. Returns the drift that it repaired."""
    with atomic("tweets"):
        locked = Tweet.objects.lock(tweet_ids)  # blocks likes, reposts and replies
        drift = selectors.counter_drift(list(locked.values()))
        for wrong in drift:
            Tweet.objects.filter(id=wrong.id).update(**{wrong.counter: wrong.counted})
        drop_after_commit("tweets", Change(entries=[wrong.id for wrong in drift]))
    return drift
