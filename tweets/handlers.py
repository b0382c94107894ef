"""How tweets handles events: it has accounts count tweets, and cleans up after deletions.

A deleted account may go on writing for as long as its access token is accepted. So each event of a
tweet, like or repost asks whether the account still exists, and what was written without one is
deleted. Whatever was committed before the account's deletion is found when that is handled.
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

# Batches of a deleted account's or tweet's rows that one message deletes: about a second's work.
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
    """Drops from the cache what the writer should have dropped, in case it died before it could."""
    for event in events:
        drop(Change(entries=[event.tweet_id], viewer=event.user_id))


def drop_reposted(events: Sequence[TweetReposted] | Sequence[TweetUnreposted]) -> None:
    """As `drop_liked`."""
    for event in events:
        drop(Change(entries=[event.tweet_id, event.id], viewer=event.user_id))


def _remove(user_ids: Sequence[int]) -> None:
    """Deletes what the deleted accounts left: `BATCHES` in all, and the rest by further messages.

    So other messages don't wait for a large account, and a crash loses little work.
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
    """Returns False where the author's account is deleted.

    The key is the event's, so accounts counts it once, whatever the order and the repeats.
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
