"""Pages below a timeline's floor, read from the database."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services as accounts_services
from common.redis.client import redis_client
from feed import expected, keys, older_entries, writes
from tests.support.factories import UserFactory
from tests.support.timelines import Person, deliver_all

# real commits, because the cache is invalidated after them
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("bob_follows_alice"),
]

PAGE = 3


@pytest.fixture(autouse=True)
def _short_lists(settings) -> None:
    settings.FEED_SHOWN = 4


@pytest.fixture
def tweets(writer: Person) -> list[int]:
    """Newest first. The timeline holds four of them."""
    written = [writer.post() for _ in range(16)]
    deliver_all()
    return written[::-1]


def page_at(reader: Person, entry: int) -> list[int]:
    return reader.feed_ids(limit=PAGE, cursor=str(entry))


@pytest.mark.parametrize("followed", [1, 6])
def test_a_cached_block_answers_without_a_query(writer, followed, monkeypatch):
    """A call takes two author ids instead of 1,000."""
    monkeypatch.setattr("feed.expected.MAX_IDS", 2)
    reader = Person(UserFactory.create())
    authors = [writer, *(Person(UserFactory.create()) for _ in range(followed - 1))]
    for author in authors:
        reader.follow(author)
    tweets = [authors[n % followed].post() for n in range(12)][::-1]
    assert page_at(reader, tweets[4]) == tweets[5:8]
    assert page_at(reader, tweets[7]) == tweets[8:11]
    with CaptureQueriesContext(connection) as queries:
        assert page_at(reader, tweets[4]) == tweets[5:8]
    assert len(queries) == 0


def test_a_follow_and_an_unfollow_change_what_is_below_the_floor(
    writer, follower, outsider, tweets
):
    others = [outsider.post() for _ in range(4)][::-1]
    mine = [writer.post() for _ in range(5)][::-1]
    deliver_all()
    assert page_at(follower, mine[-1]) == tweets[:3]
    follower.follow(outsider)
    deliver_all()
    assert page_at(follower, mine[-1]) == others[:3]
    follower.unfollow(outsider)
    deliver_all()
    assert page_at(follower, mine[-1]) == tweets[:3]


def test_a_page_skips_a_deleted_tweet(writer, follower, tweets):
    assert page_at(follower, tweets[5]) == tweets[6:9]
    writer.delete(tweets[7])
    assert page_at(follower, tweets[5]) == [tweets[6], *tweets[8:10]]


def test_a_restored_authors_tweets_return(writer, follower, tweets):
    own = [follower.post() for _ in range(9)][::-1]
    accounts_services.suspend(user_id=writer.id)
    deliver_all()
    writes.forget(follower.id)
    assert page_at(follower, own[6]) == own[7:]
    accounts_services.restore(user_id=writer.id)
    deliver_all()
    assert page_at(follower, own[6]) == [*own[7:], tweets[0]]


def test_a_block_read_before_a_follow_is_not_cached(
    writer, follower, outsider, tweets, monkeypatch
):
    other = outsider.post()
    mine = [writer.post() for _ in range(5)][::-1]
    deliver_all()
    ask = expected.newest_entries

    def ask_and_follow(author_ids, **where):
        found = ask(author_ids, **where)
        monkeypatch.undo()
        follower.follow(outsider)
        deliver_all()
        return found

    writes.forget(follower.id)
    follower.feed()
    monkeypatch.setattr("feed.expected.newest_entries", ask_and_follow)
    assert page_at(follower, mine[-1]) == tweets[:3]
    assert page_at(follower, mine[-1]) == [other, *tweets[:2]]


def test_reading_at_two_depths(follower, tweets, monkeypatch):
    monkeypatch.setattr("feed.older_entries.MAX_ENTRIES", 5)
    for _ in range(2):
        assert page_at(follower, tweets[12]) == tweets[13:]
        assert page_at(follower, tweets[5]) == tweets[6:9]
        assert page_at(follower, tweets[8]) == tweets[9:12]


def test_reading_back_to_the_first_tweet(follower, tweets, monkeypatch):
    monkeypatch.setattr("feed.older_entries.MAX_ENTRIES", 5)
    assert follower.feed_entries(limit=PAGE) == tweets
    assert follower.feed_entries(limit=PAGE) == tweets


@pytest.mark.parametrize("junk", [b"", b"7", b"junk", b"\xff 1 2"])
def test_junk_counts_as_not_cached(follower, tweets, junk):
    redis_client().set(keys.older(follower.id), junk)
    assert page_at(follower, tweets[5]) == tweets[6:9]


def test_a_value_of_another_type_is_replaced(follower, tweets):
    redis_client().rpush(keys.older(follower.id), 1)
    assert page_at(follower, tweets[5]) == tweets[6:9]
    assert 0 < redis_client().ttl(keys.older(follower.id)) <= older_entries.SECONDS
