"""Likes. Liking and unliking are idempotent."""

from collections.abc import Mapping

from django.db import IntegrityError
from django.utils import timezone

from common.db import atomic, violated
from common.errors import NotFound
from messaging.events import TweetLiked, TweetUnliked
from messaging.outbox import publish
from tweets import selectors
from tweets.models import Like, Tweet
from tweets.services.counters import uncount, write_and_count


def like(*, tweet_id: int, user_id: int) -> int:
    """Returns the id of the tweet, which for a repost's id is the original's."""
    tweet = selectors.get_visible_tweet(tweet_id, viewer_id=user_id)
    if tweet.liked:
        return tweet.id
    now = timezone.now()
    try:
        write_and_count(
            Like(tweet_id=tweet.id, user_id=user_id, created_at=now),
            event=TweetLiked(tweet_id=tweet.id, user_id=user_id, author_id=tweet.user_id, at=now),
            tweet_id=tweet.id,
            counter="num_likes",
            viewer=user_id,
        )
    except IntegrityError as error:  # a concurrent request has liked the tweet
        if not violated(error, "tweets_like_once", "tweets_like.tweet_id"):
            raise
    return tweet.id


def unlike(*, tweet_id: int, user_id: int) -> int:
    """Returns the same id as `like`."""
    tweet = selectors.get_visible_tweet(tweet_id)
    with atomic("tweets"):
        locked = Tweet.objects.lock([tweet.id])
        if not locked:
            raise NotFound(f"there is no tweet {tweet_id}")
        unlike_locked(locked, user_id)
    return tweet.id


def unlike_locked(tweets: Mapping[int, Tweet], user_id: int) -> None:
    """Deletes the user's likes of the tweets, which the caller has locked."""
    likes = Like.objects.filter(user_id=user_id, tweet_id__in=list(tweets))
    liked = list(likes.values_list("tweet_id", flat=True))
    if not liked:
        return
    likes.delete()
    uncount(liked, "num_likes", viewer=user_id)
    now = timezone.now()
    publish(
        *(
            TweetUnliked(tweet_id=id, user_id=user_id, author_id=tweets[id].user_id, at=now)
            for id in liked
        ),
        service="tweets",
    )
