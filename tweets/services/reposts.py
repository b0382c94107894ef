"""Reposts, which are entries of their own. Reposting and undoing it are idempotent."""

from collections.abc import Collection, Mapping

from django.db import IntegrityError
from django.utils import timezone

from common.db import atomic, violated, with_new_id
from common.errors import NotFound
from common.ids import created_at
from hydration.invalidate import Change, drop_after_commit
from messaging.events import TweetReposted, TweetUnreposted
from messaging.outbox import publish
from tweets import selectors
from tweets.models import Tweet
from tweets.services.counters import uncount, write_and_count


def repost(*, tweet_id: int, user_id: int) -> int:
    """Returns the id of the tweet, which for a repost's id is the original's."""
    tweet = selectors.get_visible_tweet(tweet_id, viewer_id=user_id)
    if tweet.reposted:
        return tweet.id

    def write(id: int) -> None:
        write_and_count(
            Tweet(id=id, user_id=user_id, repost_of_id=tweet.id, created_at=created_at(id)),
            event=TweetReposted(
                id=id,
                tweet_id=tweet.id,
                user_id=user_id,
                author_id=tweet.user_id,
                at=timezone.now(),
            ),
            tweet_id=tweet.id,
            counter="num_reposts",
            viewer=user_id,
        )

    try:
        with_new_id(write, model=Tweet)
    except IntegrityError as error:  # a concurrent request has reposted it
        if not violated(error, "tweets_tweet_one_repost", "tweets_tweet.repost_of_id"):
            raise
    return tweet.id


def undo_repost(*, tweet_id: int, user_id: int) -> int:
    """Returns the same id as `repost`."""
    tweet = selectors.get_visible_tweet(tweet_id)
    with atomic("tweets"):
        locked = Tweet.objects.lock([tweet.id])
        if not locked:
            raise NotFound(f"there is no tweet {tweet_id}")
        undo_reposts_locked(locked, user_id)
    return tweet.id


def undo_reposts_locked(tweets: Mapping[int, Tweet], user_id: int) -> None:
    """Deletes the user's reposts of the tweets, which the caller has locked."""
    entries = list(Tweet.objects.filter(user_id=user_id, repost_of__in=list(tweets)))
    delete_entries(entries, {id: tweet.user_id for id, tweet in tweets.items()})
    tweet_ids = [entry.repost_of_id for entry in entries if entry.repost_of_id]
    uncount(tweet_ids, "num_reposts", viewer=user_id)


def delete_entries(entries: Collection[Tweet], authors: Mapping[int, int]) -> None:
    """Deletes reposts, without updating counters. `authors` maps their originals to authors."""
    if not entries:
        return
    entry_ids = [entry.id for entry in entries]
    Tweet.objects.filter(id__in=entry_ids).delete()
    drop_after_commit("tweets", Change(entries=entry_ids))
    now = timezone.now()
    publish(
        *(
            TweetUnreposted(
                id=entry.id,
                tweet_id=entry.repost_of_id,
                user_id=entry.user_id,
                author_id=authors[entry.repost_of_id],
                at=now,
            )
            for entry in entries
            if entry.repost_of_id is not None
        ),
        service="tweets",
    )
