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
        """Those of the tweets that exist (no reposts), locked until the transaction ends.

        Always in the same order, so that two who lock several don't wait for each other for ever.
        """
        rows = self.tweets().filter(id__in=ids).order_by("-id")
        return {tweet.id: tweet for tweet in rows.select_for_update(no_key=True)}


class Tweet(models.Model):
    """An entry of a timeline: a tweet, or a user's repost of one."""

    id = models.BigIntegerField(primary_key=True)
    # accounts' id of who wrote or reposted it; no foreign key crosses
    user_id = models.BigIntegerField()
    # empty in a repost
    content = models.TextField(blank=True)
    # the tweet this one replies to; stays when that one is deleted, so no foreign key
    parent_id = models.BigIntegerField(null=True, blank=True)
    # the tweet that a repost shows; empty in a tweet. Without a constraint in the database: a tweet
    # goes at once, and of its million reposts the last one a little later
    repost_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="reposts",
    )
    # rows of Like, replies and reposts, each kept in the transaction of the row
    num_likes = models.BigIntegerField(default=0)
    num_replies = models.BigIntegerField(default=0)
    num_reposts = models.BigIntegerField(default=0)
    # the greatest id that a reply was given; the next reply's is greater
    last_reply_id = models.BigIntegerField(null=True, blank=True)
    # the millisecond of the id
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
    # without a constraint in the database, as in a repost
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
    """A tweet or reply that was posted with a key, kept in the tweet's own transaction."""

    id = models.BigAutoField(primary_key=True)
    # accounts' id of who sent it
    user_id = models.BigIntegerField()
    # as the client chose it
    key = models.CharField(max_length=255)
    # SHA-256 of what was asked: the same key with another request is an error
    request_hash = models.CharField(max_length=64)
    # the tweet that was made; it may be gone by now
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
