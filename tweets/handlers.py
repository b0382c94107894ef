"""What tweets does about news: it has accounts count tweets, and cleans up after deletions."""

import contextlib
from collections.abc import Sequence

from common.errors import NotFound
from grpc_services.clients import accounts
from messaging.events import TweetCreated, TweetDeleted, UserDeleted
from messaging.worker import Handler, Worker
from tweets import services


def count_created(events: Sequence[TweetCreated]) -> None:
    for event in events:
        _count(event, +1)


def count_deleted(events: Sequence[TweetDeleted]) -> None:
    services.clear_remains({event.id: event.user_id for event in events})
    for event in events:
        _count(event, -1)


def forget_users(events: Sequence[UserDeleted]) -> None:
    for event in events:
        services.forget_user(event.id)


def _count(event: TweetCreated | TweetDeleted, delta: int) -> None:
    """The key is the event's, so accounts counts it once, whatever the order and the repeats."""
    with contextlib.suppress(NotFound):  # the author is deleted meanwhile
        accounts.increment_tweets(
            user_id=event.user_id,
            delta=delta,
            idempotency_key=f"{event.routing_key}:{event.id}",
        )


HANDLERS: dict[str, Handler] = {
    TweetCreated.routing_key: count_created,
    TweetDeleted.routing_key: count_deleted,
    UserDeleted.routing_key: forget_users,
}

WORKER = Worker(queue="tweet_counters", handlers=HANDLERS)
