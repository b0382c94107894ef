"""While Redis takes nothing more, pages are right all the same: they come from the database."""

from collections.abc import Iterator

import pytest
import redis
from django_redis import get_redis_connection

from feed import store
from tests.unit.feed.world import Person, tell_all

# the commits of the cast's tweets and likes must not wait for a Redis that is full
pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def entries(writer: Person, follower: Person) -> list[int]:
    """What bob's feed shows, read once, so that all of it is cached."""
    follower.follow(writer)
    entries = [writer.post() for _ in range(5)]
    tell_all()
    assert follower.feed_ids() == entries[::-1]
    return entries[::-1]


@pytest.fixture
def full() -> Iterator[None]:
    """Refuses whatever needs memory; not what reads or deletes."""
    client: redis.Redis = get_redis_connection()
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


def test_a_cached_page_is_read(entries, follower, full):
    check_pages(follower, entries)


def test_a_page_whose_cache_is_lost_is_read(entries, follower, full):
    get_redis_connection().delete(*get_redis_connection().keys("tweet:*"))
    get_redis_connection().delete(*get_redis_connection().keys("user:*"))
    check_pages(follower, entries)


def test_a_page_without_a_timeline_is_read_and_nothing_is_kept(entries, follower, full):
    store.forget(follower.id)
    check_pages(follower, entries)
    assert not store.materialised([follower.id])
