"""Tweets whose ids ascend in the order in which a test writes them."""

import time
from typing import Any

from accounts.models import User
from deploy.local.conditions import wait_until
from tests.support.factories import TweetFactory
from tweets.models import Tweet


def tick() -> None:
    """Waits for the next millisecond, since ids of one millisecond are in no order."""
    now = _millisecond()
    wait_until(lambda: _millisecond() > now)


def write(author: User, content: str = "hello", **fields: Any) -> Tweet:
    """A tweet newer than all written before, and older than all written after."""
    tick()
    tweet: Tweet = TweetFactory.create(user_id=author.id, content=content, **fields)
    tick()
    return tweet


def _millisecond() -> int:
    return time.time_ns() // 1_000_000
