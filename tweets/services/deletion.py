"""Deletion of tweets, and of the rows of deleted accounts.

Each request and each message deletes a bounded number of rows. A request deletes a tweet and up to
`BATCH` of its likes and reposts each, and nearly every tweet has fewer. The worker deletes the
rest in batches. They are invisible until then, since a repost without its original is never shown.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from django.utils import timezone

from common.batches import batched
from common.db import atomic
from common.errors import NotFound
from common.ids import MAX_ID
from hydration.invalidate import Change, drop, drop_after_commit
from messaging.events import RemainsSliced, RemovalSliced, TweetDeleted
from messaging.outbox import publish
from tweets import permissions, selectors
from tweets.models import Like, Tweet
from tweets.services.counters import uncount
from tweets.services.likes import unlike_locked
from tweets.services.reposts import delete_entries, undo_reposts_locked

# The most rows of a kind that one transaction deletes.
BATCH = 200


def delete_tweet(*, tweet_id: int, user_id: int) -> None:
    """Deletes a tweet. Its replies stay. A repost's id raises `NotFound`, so that it cannot delete
    the original.
    """
    tweet = Tweet.objects.tweets().filter(id=tweet_id).first()
    if tweet is not None and tweet.user_id != user_id:
        selectors.get_visible_tweet(tweet_id)
        permissions.delete_tweet.check(user_id=user_id, author_id=tweet.user_id)
    if not remove_tweets([tweet_id]):
        raise NotFound(f"there is no tweet {tweet_id}")


def remove_tweets(tweet_ids: Collection[int]) -> int:
    """Deletes tweets of any author, a batch a transaction. Returns the number that existed."""
    return sum(map(_remove, batched(sorted(tweet_ids, reverse=True), BATCH)))


def clear_remains(authors: Mapping[int, int], batches: int, replies_before: int = MAX_ID) -> None:
    """Deletes the likes and reposts of deleted tweets, and drops their cached replies.

    A cached reply still says that its parent exists. `authors` maps tweets to their authors; tweets
    that exist are skipped. After `batches` batches, publishes messages for the rest.
    """
    existing = set(Tweet.objects.filter(id__in=list(authors)).values_list("id", flat=True))
    gone = {id: author for id, author in authors.items() if id not in existing}
    for _ in range(batches):
        replies = Tweet.objects.filter(parent_id__in=list(gone), id__lt=replies_before)
        reply_ids = list(replies.order_by("-id").values_list("id", flat=True)[:BATCH])
        if reply_ids:
            drop(Change(entries=reply_ids))
            replies_before = reply_ids[-1]
        with atomic("tweets"):
            more = _clear_batch(gone)
        if not more and len(reply_ids) < BATCH:
            return
    _publish_remains(gone, replies_before)


def remove_user(user_id: int) -> None:
    """Deletes the user's tweets, reposts and likes. A repeated call resumes an interrupted one."""
    while remove_user_batch(user_id):
        pass


def remove_user_batch(user_id: int) -> bool:
    """Deletes a batch of the user's tweets, reposts or likes. Returns False if there are none.

    The counters of others' tweets are exact after each batch. Likes and reposts of deleted tweets
    are left to `clear_remains`.
    """
    written = Tweet.objects.tweets().filter(user_id=user_id).order_by("-id")
    if ids := list(written.values_list("id", flat=True)[:BATCH]):
        remove_tweets(ids)
        return True
    reposts = Tweet.objects.reposts().filter(user_id=user_id, repost_of__user_id__isnull=False)
    if ids := list(reposts.values_list("repost_of_id", flat=True)[:BATCH]):
        remove_reposts(user_id, ids)
        return True
    likes = Like.objects.filter(user_id=user_id, tweet__user_id__isnull=False)
    if ids := list(likes.values_list("tweet_id", flat=True)[:BATCH]):
        remove_likes(user_id, ids)
        return True
    return False


def remove_reposts(user_id: int, tweet_ids: Collection[int]) -> None:
    with atomic("tweets"):
        undo_reposts_locked(Tweet.objects.lock(tweet_ids), user_id)


def remove_likes(user_id: int, tweet_ids: Collection[int]) -> None:
    with atomic("tweets"):
        unlike_locked(Tweet.objects.lock(tweet_ids), user_id)


def publish_next_removals(user_ids: Collection[int]) -> None:
    """Publishes a message for each deleted account that has rows left."""
    now = timezone.now()
    with atomic("tweets"):
        publish(*(RemovalSliced(user_id=id, at=now) for id in user_ids), service="tweets")


def _publish_remains(authors: Mapping[int, int], replies_before: int) -> None:
    """Publishes a message for each deleted tweet that has likes, reposts or cached replies left."""
    now = timezone.now()
    left = [
        RemainsSliced(tweet_id=id, user_id=author, replies_before=replies_before, at=now)
        for id, author in authors.items()
        if Like.objects.filter(tweet_id=id).exists()
        or Tweet.objects.filter(repost_of=id).exists()
        or Tweet.objects.filter(parent_id=id, id__lt=replies_before).exists()
    ]
    if left:
        with atomic("tweets"):
            publish(*left, service="tweets")


def _remove(tweet_ids: Collection[int]) -> int:
    parent_ids = Tweet.objects.filter(id__in=tweet_ids).values_list("parent_id", flat=True)
    parents = {id for id in parent_ids if id is not None}
    with atomic("tweets"):
        locked = Tweet.objects.lock({*tweet_ids, *parents})
        removed = [locked[id] for id in tweet_ids if id in locked]
        if not removed:
            return 0
        removed_ids = [tweet.id for tweet in removed]
        Tweet.objects.filter(id__in=removed_ids).delete()
        drop_after_commit("tweets", Change(entries=removed_ids))
        # `parent_deleted` changes in the replies. The worker drops those beyond the first batch.
        drop_after_commit(
            "tweets", Change(entries=selectors.list_reply_ids(removed_ids, limit=BATCH))
        )
        lost = Counter(tweet.parent_id for tweet in removed if tweet.parent_id is not None)
        for parent_id, number in lost.items():
            uncount([parent_id], "num_replies", number)
        _clear_batch({tweet.id: tweet.user_id for tweet in removed})
        now = timezone.now()
        publish(
            *(
                TweetDeleted(id=tweet.id, user_id=tweet.user_id, deleted_at=now)
                for tweet in removed
            ),
            service="tweets",
        )
    return len(removed)


def _clear_batch(authors: Mapping[int, int]) -> bool:
    """Returns whether there may be more. Skips rows that another transaction has locked."""
    likes = Like.objects.filter(tweet_id__in=list(authors)).select_for_update(skip_locked=True)
    like_ids = list(likes.values_list("id", flat=True)[:BATCH])
    Like.objects.filter(id__in=like_ids).delete()
    reposts = Tweet.objects.filter(repost_of__in=list(authors)).select_for_update(skip_locked=True)
    entries = list(reposts[:BATCH])
    delete_entries(entries, authors)
    return BATCH in (len(like_ids), len(entries))
