from collections.abc import Collection
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone


class TweetQuerySet(models.QuerySet["Tweet"]):
    def tweets(self) -> "TweetQuerySet":
        """Without the reposts."""
        return self.filter(repost_of=None)

    def reposts(self) -> "TweetQuerySet":
        return self.filter(repost_of__isnull=False)

    def lock(self, ids: Collection[int]) -> "dict[int, Tweet]":
        """The existing tweets (no reposts), locked until the transaction ends.

        All callers lock in the same order, so they cannot deadlock.
        """
        rows = self.tweets().filter(id__in=ids).order_by("-id")
        return {tweet.id: tweet for tweet in rows.select_for_update(no_key=True)}


class Tweet(models.Model):
    """An entry of a timeline: a tweet, or a user's repost of one."""

    id = models.BigIntegerField(primary_key=True)
    # accounts' id of the author or reposter; no foreign key crosses services
    user_id = models.BigIntegerField()
    # empty in a repost
    content = models.TextField(blank=True)
    # the tweet that this one replies to; no foreign key, since a reply outlives its parent
    parent_id = models.BigIntegerField(null=True, blank=True)
    # the tweet that a repost shows; empty in a tweet. The database has no constraint, since the
    # worker deletes a popular tweet's reposts after the tweet
    repost_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="reposts",
    )
    # the numbers of likes, replies and reposts, each updated in the row's transaction
    num_likes = models.BigIntegerField(default=0)
    num_replies = models.BigIntegerField(default=0)
    num_reposts = models.BigIntegerField(default=0)
    # the greatest id of any reply, deleted or not; the next reply's is greater
    last_reply_id = models.BigIntegerField(null=True, blank=True)
    # the time in the id, to the millisecond
    created_at = models.DateTimeField()

    objects = TweetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user_id", "repost_of"],
                condition=Q(repost_of__isnull=False),
                name="tweets_tweet_one_repost",
            ),
            models.CheckConstraint(
                condition=Q(num_likes__gte=0, num_replies__gte=0, num_reposts__gte=0),
                name="tweets_tweet_counters_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(repost_of=None) | Q(content="", parent_id=None),
                name="tweets_tweet_repost_is_bare",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user_id", "-id"], name="tweets_tweet_by_author"),
            models.Index(
                fields=["parent_id", "id"],
                condition=Q(parent_id__isnull=False),
                name="tweets_tweet_replies",
            ),
            models.Index(
                fields=["repost_of"],
                condition=Q(repost_of__isnull=False),
                name="tweets_tweet_reposts",
            ),
        ]

    def __str__(self) -> str:
        return self.content[:50] or f"repost of {self.repost_of_id}"


class Like(models.Model):
    """A user likes a tweet."""

    id = models.BigAutoField(primary_key=True)
    # no constraint in the database: the worker deletes a popular tweet's likes after the tweet
    tweet = models.ForeignKey(
        Tweet, on_delete=models.DO_NOTHING, db_constraint=False, related_name="likes"
    )
    # accounts' id
    user_id = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user_id", "tweet"], name="tweets_like_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.tweet_id}"


class IdempotencyKey(models.Model):
    """The key that a tweet or reply was posted with, written in the tweet's transaction."""

    id = models.BigAutoField(primary_key=True)
    # accounts' id of the sender
    user_id = models.BigIntegerField()
    # chosen by the client
    key = models.CharField(max_length=255)
    # SHA-256 of the request: the same key with another request is an error
    request_hash = models.CharField(max_length=64)
    # the new tweet, which may have been deleted since
    tweet_id = models.BigIntegerField()
    # the tweet it replies to
    parent_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user_id", "key"], name="tweets_idempotencykey_once"),
        ]

    def __str__(self) -> str:
        return self.key
