"""Tweets that are surely one after the other."""

import time
from typing import Any

from accounts.models import User
from deploy.local.conditions import wait_until
from tests.support.factories import TweetFactory
from tweets.models import Tweet


def tick() -> None:
    """Ends in another millisecond: ids of one millisecond are in no order."""
    now = _millisecond()
    wait_until(lambda: _millisecond() > now)


def write(author: User, content: str = "hello", **fields: Any) -> Tweet:
    """A tweet that is newer than whatever was written before, and older than what comes after."""
    tick()
    tweet: Tweet = TweetFactory.create(user_id=author.id, content=content, **fields)
    tick()
    return tweet


def _millisecond() -> int:
    return time.time_ns() // 1_000_000
