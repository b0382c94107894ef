"""While Redis refuses writes, pages are read from the database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from django.utils import timezone

from common.db import alias
from common.errors import OUTAGES
from common.redis.client import redis_client
from feed import reads, writes
from feed.fanout.deliver import fan_out
from messaging.events import TweetCreated
from messaging.models import OutboxEvent
from tests.support.factories import UserFactory
from tests.support.timelines import Person, deliver_all

# real commits, because the cache is invalidated after them
pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def entries(writer: Person, follower: Person) -> list[int]:
    """The entries of bob's feed, newest first. He has read it, so it is cached."""
    follower.follow(writer)
    entries = [writer.post() for _ in range(5)]
    deliver_all()
    assert follower.feed_ids() == entries[::-1]
    return entries[::-1]


@pytest.fixture
def full() -> Iterator[None]:
    """Redis refuses commands that need memory. It executes reads and deletions."""
    client: redis.Redis = redis_client()
    names = ("maxmemory", "maxmemory-policy")
    before = {name: client.config_get(name)[name] or "" for name in names}
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("full", 1)
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def check_pages(follower: Person, entries: list[int]) -> None:
    assert follower.feed_ids() == entries
    assert follower.feed_ids(offset=1, limit=2) == entries[1:3]
    assert follower.feed_entries(limit=2) == entries


def test_a_cached_page_can_be_read(entries, follower, full):
    check_pages(follower, entries)


def test_a_page_that_is_not_cached_can_be_read(entries, follower, full):
    redis_client().delete(*redis_client().keys("tweet:*"))
    redis_client().delete(*redis_client().keys("user:*"))
    check_pages(follower, entries)


def test_a_page_without_a_timeline_can_be_read_and_is_not_stored(entries, follower, full):
    writes.forget(follower.id)
    check_pages(follower, entries)
    assert not reads.materialised([follower.id])


@contextmanager
def refusing() -> Iterator[None]:
    """Redis refuses all writes, as after the loss of a required replica."""
    client: redis.Redis = redis_client()
    client.config_set("min-replicas-to-write", 1)
    try:
        yield
    finally:
        client.config_set("min-replicas-to-write", 0)


def test_a_redis_that_refuses_all_writes_counts_as_down(
    entries: list[int], writer: Person, follower: Person
) -> None:
    writes.forget(follower.id)
    tweet = writer.post()
    with refusing():
        check_pages(follower, [tweet, *entries])
        writer.delete(tweet)
        with pytest.raises(OUTAGES):
            redis_client().set("refused", 1)
    deliver_all()
    check_pages(follower, entries)


def test_failed_retries_publish_the_next_slice_once(
    writer: Person, follower: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feed.fanout.slices.SIZE", 1)
    for person in (follower, Person(UserFactory.create())):
        person.follow(writer)
    deliver_all()
    event = TweetCreated(
        id=writer.post(), user_id=writer.id, content="", parent_id=None, created_at=timezone.now()
    )
    with refusing():
        for _ in range(3):
            with pytest.raises(OUTAGES):
                fan_out([event])
    assert OutboxEvent.objects.using(alias("feed")).filter(routing_key="feed.sliced").count() == 1
