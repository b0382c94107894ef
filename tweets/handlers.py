"""What tweets does about news: it has accounts count tweets, and cleans up after deletions."""

from collections.abc import Sequence
from contextlib import suppress

from common.errors import NotFound
from grpc_services.clients import accounts
from grpc_services.fragments import Change, drop
from messaging.events import (
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


def count_created(events: Sequence[TweetCreated]) -> None:
    drop(Change(entries=[event.parent_id for event in events if event.parent_id is not None]))
    for event in events:
        _count(event, +1)


def count_deleted(events: Sequence[TweetDeleted]) -> None:
    deleted = [event.id for event in events]
    drop(Change(entries=deleted))
    services.show_parents_gone(deleted)
    services.clear_remains({event.id: event.user_id for event in events})
    for event in events:
        _count(event, -1)


def forget_users(events: Sequence[UserDeleted]) -> None:
    for event in events:
        services.forget_user(event.id)


def drop_liked(events: Sequence[TweetLiked] | Sequence[TweetUnliked]) -> None:
    """Once more what the writer has dropped from the cache, in case it died before it could."""
    for event in events:
        drop(Change(entries=[event.tweet_id], viewer=event.user_id))


def drop_reposted(events: Sequence[TweetReposted] | Sequence[TweetUnreposted]) -> None:
    """As `drop_liked`."""
    for event in events:
        drop(Change(entries=[event.tweet_id, event.id], viewer=event.user_id))


def _count(event: TweetCreated | TweetDeleted, delta: int) -> None:
    """The key is the event's, so accounts counts it once, whatever the order and the repeats."""
    with suppress(NotFound):  # the author is deleted meanwhile
        accounts.increment_tweets(
            user_id=event.user_id,
            delta=delta,
            idempotency_key=f"{event.routing_key}:{event.id}",
        )


HANDLERS: dict[str, Handler] = {
    "tweet.created": count_created,
    "tweet.deleted": count_deleted,
    "tweet.liked": drop_liked,
    "tweet.unliked": drop_liked,
    "tweet.reposted": drop_reposted,
    "tweet.unreposted": drop_reposted,
    "user.deleted": forget_users,
}

WORKER = Worker(queue="tweet_counters", handlers=HANDLERS)
