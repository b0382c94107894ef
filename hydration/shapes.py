"""How a user and a tweet look in JSON, wherever they are shown. All of it is pure.

The serializers describe the same shapes to the OpenAPI schema; tests compare the two.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from common.times import format_time
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
