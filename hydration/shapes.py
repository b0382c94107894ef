"""How a user and a tweet look in JSON, wherever they are shown.

`hydrate` brings authors to tweets in one call; `show_…` and the rules are pure.
The serializers describe the same shapes to the OpenAPI schema, and a test holds the two equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from common import permissions
from common.errors import Unavailable
from common.times import format_time
from grpc_services.clients import accounts
from grpc_services.clients.accounts import Relation, User
from grpc_services.clients.tweets import Tweet

Author = dict[str, str]  # as it is shown


def show_user(user: User, *, relation: Relation | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": str(user.id),
        "username": user.username,
        "display_name": user.display_name,
        "bio": user.bio,
        "num_tweets": user.num_tweets,
        "num_followers": user.num_followers,
        "num_following": user.num_following,
        "created_at": format_time(user.created_at),
    }
    if relation is not None:
        shown["following"] = relation.following
        shown["followed_by"] = relation.followed_by
    return shown


def show_author(user: User) -> Author:
    return {"id": str(user.id), "username": user.username, "display_name": user.display_name}


def people_of(tweet: Tweet) -> tuple[int, ...]:
    """Who wrote it and, where a repost brought it, who reposted it."""
    reposter_id = tweet.reposted_by_id
    return (tweet.user_id,) if reposter_id is None else (tweet.user_id, reposter_id)


def find_authors(tweets: Sequence[Tweet]) -> Mapping[int, User] | None:
    """Authors and reposters of the tweets in one call; None while accounts is down."""
    try:
        return accounts.get_users({person for tweet in tweets for person in people_of(tweet)})
    except Unavailable:
        return None


def visible(tweets: Sequence[Tweet], authors: Mapping[int, User] | None) -> list[Tweet]:
    """Without the tweets and reposts of whoever is suspended or deleted."""
    return [tweet for tweet in tweets if permissions.is_shown(people_of(tweet), authors)]


def show_facts(tweet: Tweet) -> dict[str, Any]:
    """What is the same for every viewer and whatever becomes of the author."""
    return {
        "id": str(tweet.id),
        "user_id": str(tweet.user_id),
        "content": tweet.content,
        "parent_id": str(tweet.parent_id) if tweet.parent_id else None,
        "parent_deleted": tweet.parent_deleted,
        "num_likes": tweet.num_likes,
        "num_replies": tweet.num_replies,
        "num_reposts": tweet.num_reposts,
        "created_at": format_time(tweet.created_at),
    }


def show_tweet(tweet: Tweet, authors: Mapping[int, User] | None) -> dict[str, Any]:
    author = authors.get(tweet.user_id) if authors else None
    shown = show_facts(tweet) | {"author": show_author(author) if author else None}
    if tweet.liked is not None:
        shown["liked"] = tweet.liked
        shown["reposted"] = tweet.reposted
    if tweet.reposted_by_id is not None:
        reposter = authors.get(tweet.reposted_by_id) if authors else None
        shown["entry_id"] = str(tweet.entry_id)
        shown["reposted_by"] = show_author(reposter) if reposter else None
    return shown


def show_tweets(tweets: Sequence[Tweet]) -> list[dict[str, Any]]:
    """Hydrate, rules and present in one: for lists that are not refilled."""
    authors = find_authors(tweets)
    return [show_tweet(tweet, authors) for tweet in visible(tweets, authors)]


class AuthorSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    username = serializers.CharField()
    display_name = serializers.CharField()


class UserSerializer(AuthorSerializer):
    bio = serializers.CharField(allow_blank=True)
    num_tweets = serializers.IntegerField()
    num_followers = serializers.IntegerField()
    num_following = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    email = serializers.EmailField(required=False, help_text="shown to the user itself only")
    following = serializers.BooleanField(required=False, help_text="for a signed-in reader")
    followed_by = serializers.BooleanField(required=False, help_text="for a signed-in reader")


class TweetSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    user_id = serializers.CharField()
    author = AuthorSerializer(allow_null=True, help_text="null while accounts is down")
    content = serializers.CharField()
    parent_id = serializers.CharField(allow_null=True)
    parent_deleted = serializers.BooleanField()
    num_likes = serializers.IntegerField()
    num_replies = serializers.IntegerField()
    num_reposts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    liked = serializers.BooleanField(required=False, help_text="for a signed-in reader")
    reposted = serializers.BooleanField(required=False, help_text="for a signed-in reader")
    entry_id = serializers.CharField(required=False, help_text="where a repost brought the tweet")
    reposted_by = AuthorSerializer(required=False, allow_null=True)


# For the schema's examples.
AUTHOR_EXAMPLE = {"id": "912345678901234567", "username": "alice", "display_name": "Alice"}
USER_EXAMPLE = {
    **AUTHOR_EXAMPLE,
    "bio": "Bakes bread, reads maps.",
    "num_tweets": 12,
    "num_followers": 3,
    "num_following": 5,
    "created_at": "2026-11-01T08:00:00.000Z",
}
TWEET_EXAMPLE = {
    "id": "923456789012345678",
    "user_id": AUTHOR_EXAMPLE["id"],
    "author": AUTHOR_EXAMPLE,
    "content": "The first snow of the year.",
    "parent_id": None,
    "parent_deleted": False,
    "num_likes": 2,
    "num_replies": 1,
    "num_reposts": 0,
    "created_at": "2026-11-23T07:30:00.000Z",
    "liked": False,
    "reposted": False,
}
