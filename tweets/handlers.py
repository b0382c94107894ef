"""The handlers of tweets' events. They count tweets in accounts and clean up after deletions.

A deleted account can still write until its access token expires. The handler of each tweet, like
and repost therefore checks that the account exists, and deletes the row if it does not. The handler
of `user.deleted` finds the rows that were committed before the deletion.
"""

from collections.abc import Sequence

from common.errors import NotFound
from grpc_services.clients import accounts
from hydration.invalidate import Change, drop
from messaging.events import (
    RemainsSliced,
    RemovalSliced,
    TweetCreated,
    TweetDeleted,
    TweetLiked,
    TweetReposted,
    TweetUnliked,
    TweetUnreposted,
    UserDeleted,
)
from messaging.worker import Handler, Worker
from tweets import services

# The batches of a deleted account's or tweet's rows that one message deletes, in about a second.
BATCHES = 25


def count_created(events: Sequence[TweetCreated]) -> None:
    drop(Change(entries=[event.parent_id for event in events if event.parent_id is not None]))
    without_account = [event.id for event in events if not _count(event, +1)]
    services.remove_tweets(without_account)


def count_deleted(events: Sequence[TweetDeleted]) -> None:
    drop(Change(entries=[event.id for event in events]))
    for event in events:
        _count(event, -1)
    services.clear_remains({event.id: event.user_id for event in events}, BATCHES)


def clear_more(events: Sequence[RemainsSliced]) -> None:
    authors = {event.tweet_id: event.user_id for event in events}
    services.clear_remains(authors, BATCHES, max(event.replies_before for event in events))


def remove_users(events: Sequence[UserDeleted]) -> None:
    _remove([event.id for event in events])


def remove_more(events: Sequence[RemovalSliced]) -> None:
    _remove([event.user_id for event in events])


def check_liked(events: Sequence[TweetLiked]) -> None:
    """Deletes the likes of deleted accounts."""
    drop_liked(events)
    for user_id, tweet_ids in _without_account(events).items():
        services.remove_likes(user_id, tweet_ids)


def check_reposted(events: Sequence[TweetReposted]) -> None:
    """Deletes the reposts of deleted accounts."""
    drop_reposted(events)
    for user_id, tweet_ids in _without_account(events).items():
        services.remove_reposts(user_id, tweet_ids)


def drop_liked(events: Sequence[TweetLiked] | Sequence[TweetUnliked]) -> None:
    """Repeats the writer's drop from the cache, in case the writer died before it."""
    for event in events:
        drop(Change(entries=[event.tweet_id], viewer=event.user_id))


def drop_reposted(events: Sequence[TweetReposted] | Sequence[TweetUnreposted]) -> None:
    """Does for reposts what `drop_liked` does for likes."""
    for event in events:
        drop(Change(entries=[event.tweet_id, event.id], viewer=event.user_id))


def _remove(user_ids: Sequence[int]) -> None:
    """Deletes `BATCHES` batches of the deleted accounts' rows, and publishes messages for the rest.

    Other messages do not wait for a large account, and a crash repeats little work.
    """
    batches = BATCHES
    left = list(user_ids)
    while left and batches:
        batches -= 1
        if not (services.remove_user_batch(left[0]) or accounts.remove_follows(user_id=left[0])):
            left.pop(0)
    if left:
        services.publish_next_removals(left)


def _without_account(
    events: Sequence[TweetLiked] | Sequence[TweetReposted],
) -> dict[int, list[int]]:
    """The ids of the events' tweets by user, for users whose account is deleted."""
    deleted = accounts.find_deleted({event.user_id for event in events})
    return {
        user_id: [event.tweet_id for event in events if event.user_id == user_id]
        for user_id in deleted
    }


def _count(event: TweetCreated | TweetDeleted, delta: int) -> bool:
    """Counts the event in accounts. Returns False if the author's account is deleted.

    The idempotency key is the event's, so a repeated event counts once, in any order.
    """
    try:
        accounts.increment_tweets(
            user_id=event.user_id,
            delta=delta,
            idempotency_key=f"{event.routing_key}:{event.id}",
        )
    except NotFound:
        return False
    return True


HANDLERS: dict[str, Handler] = {
    "tweet.created": count_created,
    "tweet.deleted": count_deleted,
    "tweet.liked": check_liked,
    "tweet.unliked": drop_liked,
    "tweet.reposted": check_reposted,
    "tweet.unreposted": drop_reposted,
    "user.deleted": remove_users,
    "tweets.removal_sliced": remove_more,
    "tweets.remains_sliced": clear_more,
}

WORKER = Worker(queue="tweet_counters", handlers=HANDLERS)
