"""Pages are assembled from the cache, and a change shows at the next read."""

from typing import Any

import pytest

from accounts import services as accounts_services
from accounts.models import User
from common.redis.client import redis_client
from feed import lists, reads
from grpc_services.clients import accounts, tweets
from hydration import leases
from hydration.codec import marks_key
from hydration.invalidate import Change, drop
from hydration.read import load
from tests.support.timelines import Person, deliver, deliver_all, pending
from tweets.handlers import WORKER as TWEETS_WORKER
from tweets.models import Tweet

# real commits, because the cache is invalidated after them
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tweet(writer: Person, follower: Person) -> int:
    """A tweet of alice's that bob has read in his feed."""
    follower.follow(writer)
    tweet = writer.post()
    deliver_all()
    follower.feed()
    return tweet


def shown(person: Person) -> dict[str, Any]:
    tweet: dict[str, Any]
    (tweet,) = person.feed()["tweets"]
    return tweet


def test_a_cached_page_calls_no_service(follower, tweet, django_assert_num_queries, monkeypatch):
    def ask(*_: object, **__: object) -> None:
        raise AssertionError("a service was called")

    monkeypatch.setattr(tweets, "get_tweets", ask)
    monkeypatch.setattr(accounts, "get_users", ask)
    monkeypatch.setattr(reads, "read", ask)
    with django_assert_num_queries(0):
        assert shown(follower)["id"] == str(tweet)


def test_reading_sorts_a_list_out_of_order(writer, follower):
    follower.follow(writer)
    tweets = [writer.post() for _ in range(3)]
    deliver_all()
    key = lists.key(follower.id)
    redis_client().delete(key)
    redis_client().rpush(key, tweets[0], tweets[2], tweets[0], tweets[1], 0)
    assert follower.feed_ids() == tweets[::-1]
    assert [int(id) for id in redis_client().lrange(key, 0, -1)] == [*tweets[::-1], 0]


def test_a_cached_page_equals_one_that_is_not(follower, writer, outsider, tweet):
    reposted = outsider.post()
    writer.repost(reposted)
    follower.like(tweet)
    deliver_all()
    cold = follower.feed()
    assert follower.feed() == cold
    for name in redis_client().scan_iter("tweet:*"):
        redis_client().delete(name)
    assert follower.feed() == cold


def test_a_like_shows_at_once(writer, follower, tweet):
    assert shown(follower)["num_likes"] == 0
    follower.like(tweet)
    assert (shown(follower)["num_likes"], shown(follower)["liked"]) == (1, True)
    writer.like(tweet)
    assert shown(follower)["num_likes"] == 2
    follower.client.delete(f"/tweet/{tweet}/like")
    assert (shown(follower)["num_likes"], shown(follower)["liked"]) == (1, False)


def test_a_repost_shows_at_once(follower, tweet):
    follower.repost(tweet)
    assert (shown(follower)["num_reposts"], shown(follower)["reposted"]) == (1, True)
    follower.undo_repost(tweet)
    assert (shown(follower)["num_reposts"], shown(follower)["reposted"]) == (0, False)


def test_a_reply_shows_at_once(follower, outsider, tweet):
    outsider.reply(tweet)
    assert shown(follower)["num_replies"] == 1


def test_a_deleted_parent_shows_at_once(writer, follower, outsider):
    parent = outsider.post()
    follower.follow(writer)
    writer.reply(parent)
    deliver_all()
    assert shown(follower)["parent_deleted"] is False
    outsider.delete(parent)
    assert shown(follower)["parent_deleted"] is True


def test_a_new_name_shows_at_once(writer, follower, tweet):
    accounts_services.update_profile(user_id=writer.id, display_name="Alice Again")
    assert shown(follower)["author"]["display_name"] == "Alice Again"


def test_a_deletion_shows_at_once(writer, follower, tweet):
    writer.delete(tweet)
    assert follower.feed()["tweets"] == []


def test_a_suspension_and_its_end_show_at_once(writer, follower, tweet):
    accounts_services.suspend(user_id=writer.id)
    assert follower.feed()["tweets"] == []
    accounts_services.restore(user_id=writer.id)
    assert shown(follower)["author"]["username"] == "alice"


def test_the_workers_drop_what_a_writer_that_died_did_not(writer, follower, tweet, monkeypatch):
    monkeypatch.setattr("hydration.invalidate.on_commit", lambda *_: None)
    follower.like(tweet)
    accounts_services.update_profile(user_id=writer.id, display_name="Alice Again")
    assert shown(follower)["num_likes"] == 0
    messages = pending()
    deliver(messages)
    TWEETS_WORKER.process(messages)
    assert (shown(follower)["num_likes"], shown(follower)["liked"]) == (0, False)


def test_a_value_read_before_a_change_is_not_cached_after_it(follower, tweet, monkeypatch):
    """The tweet changes between the reader's database query and its write to the cache."""
    drop(Change(entries=[tweet], viewer=follower.id))
    read = tweets.get_tweets

    def read_then_change(*args, **kwargs):
        found = read(*args, **kwargs)
        monkeypatch.setattr(tweets, "get_tweets", read)
        follower.like(tweet)
        return found

    monkeypatch.setattr(tweets, "get_tweets", read_then_change)
    assert shown(follower)["liked"] is False  # as the reader read it
    assert shown(follower)["liked"] is True
    assert shown(follower)["num_likes"] == 1


@pytest.mark.parametrize(
    "junk",
    [b"", b"junk", b"T", b"T1|0\n{}", b"T99|1\n{\"id\":", b"R1", b"Rx|y", b"L", b"U1|2\n", b"\xff"],
)  # fmt: skip
def test_junk_in_the_cache_is_replaced(writer, follower, tweet, junk):
    expected = shown(follower)
    for key in (f"tweet:{tweet}", f"user:{writer.id}"):
        redis_client().set(key, junk)
    redis_client().hset(marks_key(follower.id), str(tweet), junk)
    assert shown(follower) == expected
    assert shown(follower) == expected


def test_values_of_other_types_in_the_cache_are_replaced(writer, follower, tweet):
    expected = shown(follower)
    for key in (f"tweet:{tweet}", f"user:{writer.id}", marks_key(follower.id)):
        redis_client().delete(key)
        redis_client().rpush(key, "junk")
    assert shown(follower) == expected
    assert shown(follower) == expected


def test_a_lease_whose_holder_died_expires_soon(follower, tweet):
    redis_client().set(f"tweet:{tweet}", "L1234", ex=10)
    redis_client().hset(marks_key(follower.id), str(tweet), "L1234")
    assert shown(follower)["id"] == str(tweet)
    assert redis_client().ttl(f"tweet:{tweet}") <= 10
    redis_client().delete(f"tweet:{tweet}")
    shown(follower)
    assert redis_client().ttl(f"tweet:{tweet}") > 10


def test_an_original_stays_visible_after_its_repost_is_deleted(writer, follower, outsider, tweet):
    outsider.repost(tweet)
    entry = Tweet.objects.reposts().get().id
    load([entry], viewer_id=follower.id)
    redis_client().delete(f"tweet:{tweet}")
    Tweet.objects.filter(id=entry).delete()  # by a writer that died before it invalidated the cache

    assert load([entry], viewer_id=follower.id) == []
    assert shown(follower)["id"] == str(tweet)


def test_every_cached_key_expires_even_if_its_reader_died(follower, tweet, monkeypatch):
    """The reader took leases and died before it cached anything."""
    redis_client().flushdb()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tweets, "get_tweets", die)
    with pytest.raises(KeyboardInterrupt):
        load([tweet], viewer_id=follower.id)
    assert lifetimes().keys() == {f"tweet:{tweet}", marks_key(follower.id)}
    assert all(0 < seconds <= 10 for seconds in lifetimes().values())


def test_keys_of_entries_that_do_not_exist_expire(follower):
    redis_client().flushdb()
    assert load([12345], viewer_id=follower.id) == []
    assert lifetimes().keys() == {"tweet:12345", marks_key(follower.id)}
    assert all(seconds > 0 for seconds in lifetimes().values())


def test_only_the_documented_keys_never_expire(writer, follower, outsider, tweet):
    """feed/README.md documents these keys."""
    reply = outsider.post()
    follower.follow(outsider)
    writer.repost(reply)
    follower.like(tweet)
    follower.unfollow(writer)
    deliver_all()
    accounts_services.suspend(user_id=outsider.id)
    deliver_all()
    follower.feed()
    kept = {name for name, seconds in lifetimes().items() if seconds < 0}
    assert kept <= {"pulled", "placement", "revoked"}


def lifetimes() -> dict[str, int]:
    """The seconds until each key expires; -1 for a key that never does."""
    connection = redis_client()
    return {name.decode(): connection.ttl(name) for name in connection.scan_iter()}


def test_while_accounts_is_down_the_author_is_null(writer, follower, tweet, monkeypatch):
    from common.errors import Unavailable

    def down(*_: object) -> None:
        raise Unavailable("accounts is down")

    monkeypatch.setattr(accounts, "get_users", down)
    assert shown(follower)["author"]["username"] == "alice"  # it is cached
    drop(Change(users=[writer.id]))
    assert shown(follower)["author"] is None


def test_the_marks_of_one_viewer_are_limited(follower, tweet, monkeypatch):
    monkeypatch.setattr(leases, "MAX_MARKS", 3)
    key = marks_key(follower.id)
    redis_client().hset(key, mapping={str(n): "00" for n in range(1, 4)})
    drop(Change(entries=[tweet], viewer=follower.id))
    shown(follower)
    assert redis_client().hlen(key) <= 3


def test_users_and_tweets_have_different_keys(alice: User):
    assert load([alice.id], viewer_id=alice.id) == []
    assert redis_client().get(f"tweet:{alice.id}") == b"-"
