"""Inserts backdated rows in bulk and publishes the events that the services would publish.

Call each function in a transaction of the service whose rows it writes. The events update
`num_tweets`; the caller sets the counters of tweets.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import F

from accounts.models import Follow, User
from common.ids import RANDOM_BITS, created_at, first_id_at
from messaging import outbox
from messaging.events import (
    TweetCreated,
    TweetLiked,
    TweetReposted,
    UserFollowed,
    UserRegistered,
)
from tweets.models import Like, Tweet

PASSWORD = "password"  # noqa: S105 not secret: the commands print it


def id_at(moment: datetime, draw: random.Random) -> int:
    """An id of this time, its random bits from `draw`."""
    return first_id_at(moment) | draw.getrandbits(RANDOM_BITS)


def add_users(users: Sequence[User]) -> None:
    User.objects.bulk_create(users)
    outbox.publish(
        *(
            UserRegistered(id=user.id, username=user.username, display_name=user.display_name)
            for user in users
        ),
        service="accounts",
    )


def add_follows(follows: Sequence[Follow]) -> None:
    """Updates `num_followers` and `num_following`, too."""
    Follow.objects.bulk_create(follows)
    _count("num_followers", (follow.following_id for follow in follows))
    _count("num_following", (follow.follower_id for follow in follows))
    outbox.publish(
        *(
            UserFollowed(
                follower_id=follow.follower_id,
                following_id=follow.following_id,
                at=follow.created_at,
            )
            for follow in follows
        ),
        service="accounts",
    )


def add_tweets(tweets: Sequence[Tweet]) -> None:
    Tweet.objects.bulk_create(tweets)
    outbox.publish(
        *(
            TweetCreated(
                id=tweet.id,
                user_id=tweet.user_id,
                content=tweet.content,
                parent_id=tweet.parent_id,
                created_at=created_at(tweet.id),
            )
            for tweet in tweets
        ),
        service="tweets",
    )


def add_likes(likes: Sequence[Like]) -> None:
    Like.objects.bulk_create(likes)
    outbox.publish(
        *(
            TweetLiked(
                tweet_id=like.tweet.id,
                user_id=like.user_id,
                author_id=like.tweet.user_id,
                at=like.created_at,
            )
            for like in likes
        ),
        service="tweets",
    )


def add_reposts(reposts: Sequence[Tweet]) -> None:
    Tweet.objects.bulk_create(reposts)
    outbox.publish(
        *(
            TweetReposted(
                id=repost.id,
                tweet_id=repost.repost_of.id,
                user_id=repost.user_id,
                author_id=repost.repost_of.user_id,
                at=created_at(repost.id),
            )
            for repost in reposts
            if repost.repost_of is not None
        ),
        service="tweets",
    )


def _count(counter: str, user_ids: Iterable[int]) -> None:
    by_delta: dict[int, list[int]] = {}
    for user_id, delta in Counter(user_ids).items():
        by_delta.setdefault(delta, []).append(user_id)
    for delta, ids in by_delta.items():
        User.objects.filter(id__in=ids).update(**{counter: F(counter) + delta})
