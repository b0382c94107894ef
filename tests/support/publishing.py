"""Publishes test events."""

from datetime import UTC, datetime

from common.db import atomic
from messaging.events import TweetDeleted
from messaging.outbox import publish

AT = datetime(2026, 11, 23, tzinfo=UTC)
USING = "default"


def deleted(id: int = 1) -> TweetDeleted:
    return TweetDeleted(id=id, user_id=7, deleted_at=AT)


def publish_all(count: int) -> None:
    with atomic("tweets"):
        publish(*(deleted(id) for id in range(1, count + 1)), service="tweets")
