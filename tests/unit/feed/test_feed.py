"""The feed as people see it."""

from dataclasses import replace

import orjson
import pytest

from accounts import services as accounts_services
from common.db import alias
from common.ids import new_id
from common.redis.client import redis_client
from feed import lists, reads, writes
from feed.fanout.deliver import deliver_slices
from grpc_services.clients import tweets
from messaging.events import FanOutSliced, decode
from messaging.models import OutboxEvent
from messaging.worker import Delivery
from tests.support.factories import UserFactory
from tests.support.timelines import Person, deliver, deliver_all, pending

# commits run what follows them, such as dropping what the cache has
pytestmark = pytest.mark.django_db(transaction=True)


class TestFanOut:
    def test_a_tweet_reaches_followers_and_its_author(self, writer, follower, bob_follows_alice):
        writer.feed()
        tweet = writer.post()
        deliver_all()
        assert follower.feed_ids() == [tweet]
        assert writer.feed_ids() == [tweet]

    def test_it_does_not_reach_strangers(self, writer, stranger, bob_follows_alice):
        stranger.feed()
        writer.post()
        deliver_all()
        assert stranger.feed_ids() == []

    def test_the_feed_is_newest_first(self, writer, follower, bob_follows_alice):
        tweets = [writer.post(f"tweet {n}") for n in range(5)]
        deliver_all()
        assert follower.feed_ids() == tweets[::-1]

    def test_delivered_twice_is_delivered_once(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        news = pending()
        deliver(news)
        deliver(news)
        assert redis_client().lrange(lists.key(follower.id), 0, -1) == [
            str(tweet).encode(),
            b"0",
        ]

    def test_a_late_tweet_is_put_in_its_place(
        self, writer, follower, bob_follows_alice, monkeypatch
    ):
        first = writer.post()
        late = pending()
        second = writer.post()
        deliver_all()
        monkeypatch.setattr("feed.fanout.deliver.FRESH_SECONDS", 0.0)
        deliver(late)
        deliver(late)
        assert redis_client().lrange(lists.key(follower.id), 0, -1) == [
            str(second).encode(),
            str(first).encode(),
            b"0",
        ]

    def test_a_late_tweet_that_was_deleted_meanwhile_stays_away(
        self, writer, follower, bob_follows_alice, monkeypatch
    ):
        tweet = writer.post()
        created = pending()
        writer.delete(tweet)
        deliver_all()
        monkeypatch.setattr("feed.fanout.deliver.FRESH_SECONDS", 0.0)
        deliver(created)
        assert redis_client().lrange(lists.key(follower.id), 0, -1) == [b"0"]

    def test_replies_fan_out_as_tweets_do(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        deliver_all()
        assert follower.feed_ids() == [tweet]


class TestManyFollowers:
    """Slices of two followers, instead of ten thousand."""

    @pytest.fixture
    def followers(self, writer, monkeypatch) -> list[Person]:
        monkeypatch.setattr("feed.fanout.slices.SIZE", 2)
        people = [Person(UserFactory.create()) for _ in range(5)]
        for person in people:
            person.follow(writer)
            person.feed()
        return people

    def test_each_is_reached_slice_by_slice(self, writer, followers, drain):
        drain()
        tweet = writer.post()
        drain()
        assert [person.feed_ids() for person in followers] == [[tweet]] * 5

    def test_each_is_rid_of_what_was_deleted(self, writer, followers, drain):
        tweet = writer.post()
        drain()
        writer.delete(tweet)
        drain()
        for person in followers:
            assert redis_client().lrange(lists.key(person.id), 0, -1) == [b"0"]

    def test_a_restored_author_comes_back_slice_by_slice(self, writer, followers, drain):
        tweet = writer.post()
        drain()
        accounts_services.suspend(user_id=writer.id)
        drain()
        for person in followers:
            writes.forget(person.id)
            assert person.feed_ids() == []
        accounts_services.restore(user_id=writer.id)
        restored = pending()
        for _ in range(2):
            deliver(restored)
            found = [reads.read(person.id) for person in followers]
            assert [timeline.ids for timeline in found if timeline] == [[tweet]] * 2 + [[]] * 3
        drain()
        assert [person.feed_ids() for person in followers] == [[tweet]] * 5

    def test_a_slice_that_comes_twice_changes_nothing(self, writer, followers, drain):
        drain()
        tweet = writer.post()
        deliver_all()
        sliced = OutboxEvent.objects.using(alias("feed")).pending().get(routing_key="feed.sliced")
        event = decode(sliced.routing_key, sliced.body.encode())
        assert isinstance(event, FanOutSliced)
        drain()
        deliver_slices([event])
        deliver_slices([event])
        drain()
        for person in followers:
            assert redis_client().lrange(lists.key(person.id), 0, -1) == [
                str(tweet).encode(),
                b"0",
            ]


class TestFollowing:
    def test_a_follow_brings_what_was_written_before(self, writer, follower):
        tweets = [writer.post(), writer.post()]
        follower.feed()
        deliver_all()
        follower.follow(writer)
        deliver_all()
        assert follower.feed_ids() == tweets[::-1]

    def test_a_follow_materialises_the_timeline(self, writer, follower):
        follower.follow(writer)
        assert not reads.materialised([follower.id])
        deliver_all()
        assert reads.materialised([follower.id])

    def test_an_unfollow_takes_it_out_again(self, writer, follower, bob_follows_alice):
        own = follower.post()
        writer.post()
        deliver_all()
        follower.unfollow(writer)
        deliver_all()
        assert follower.feed_ids() == [own]

    def test_a_tweet_under_way_does_not_come_back_after_an_unfollow(
        self, writer, follower, bob_follows_alice
    ):
        writer.post()
        created = pending()
        follower.unfollow(writer)
        unfollowed = pending()
        deliver(unfollowed)
        writes.push(new_id(), writer.id, [follower.id])  # its page of followers was read before
        deliver(created)
        assert follower.feed_entries() == []
        assert redis_client().lrange(lists.key(follower.id), 0, -1) == [b"0"]

    def test_who_follows_again_gets_new_tweets_at_once(self, writer, follower, bob_follows_alice):
        follower.unfollow(writer)
        deliver_all()
        follower.follow(writer)
        deliver_all()
        tweet = writer.post()
        deliver_all()
        assert follower.feed_ids() == [tweet]

    @pytest.mark.parametrize("following", [True, False])
    def test_a_tweet_that_arrives_while_its_authors_entries_are_read_is_treated_rightly(
        self, writer, follower, bob_follows_alice, monkeypatch, following
    ):
        if following:
            follower.unfollow(writer)
            deliver_all()
            follower.follow(writer)
        else:
            follower.unfollow(writer)
        follow_or_unfollow = pending()
        read = tweets.get_author_tweets
        posted: list[int] = []

        def read_and_be_overtaken(*args, **kwargs):
            found = read(*args, **kwargs)
            if not posted:
                posted.append(writer.post())
                writes.push(posted[0], writer.id, [follower.id])
            return found

        monkeypatch.setattr(tweets, "get_author_tweets", read_and_be_overtaken)
        deliver(follow_or_unfollow)
        assert posted
        listed = reads.peek(follower.id)
        assert listed
        assert (listed.entries == posted) is following

    def test_a_host_whose_clock_is_behind_does_not_reverse_follow_and_unfollow(
        self, writer, follower, bob_follows_alice
    ):
        tweet = writer.post()
        deliver_all()
        follower.unfollow(writer)
        deliver(as_of_2020(pending()))
        assert follower.feed_ids() == []
        follower.follow(writer)
        deliver(as_of_2020(pending()))
        assert follower.feed_ids() == [tweet]


def as_of_2020(deliveries: list[Delivery]) -> list[Delivery]:
    """As a host with such a clock would have published them."""
    assert deliveries
    bodies = [orjson.loads(delivery.body) for delivery in deliveries]
    return [
        replace(delivery, body=orjson.dumps(body | {"at": "2020-01-01T00:00:00.000Z"}))
        for delivery, body in zip(deliveries, bodies, strict=True)
    ]


class TestReposts:
    def test_a_repost_brings_the_tweet_to_ones_own_followers(
        self, writer, follower, stranger, bob_follows_alice
    ):
        tweet = stranger.post("from a stranger")
        writer.repost(tweet)
        deliver_all()
        (shown,) = follower.feed()["tweets"]
        assert shown["id"] == str(tweet)
        assert shown["entry_id"] != shown["id"]
        assert shown["reposted_by"]["username"] == "alice"
        assert shown["author"]["username"] == "carol"

    def test_undoing_it_takes_it_away(self, writer, follower, stranger, bob_follows_alice):
        tweet = stranger.post()
        writer.repost(tweet)
        deliver_all()
        writer.undo_repost(tweet)
        deliver_all()
        assert follower.feed_entries() == []

    def test_a_page_shows_a_tweet_once_under_its_newest_entry(
        self, writer, follower, bob_follows_alice
    ):
        tweet = writer.post()
        other = writer.post()
        writer.repost(tweet)
        deliver_all()
        page = follower.feed()
        assert [shown["id"] for shown in page["tweets"]] == [str(tweet), str(other)]
        assert "reposted_by" in page["tweets"][0]
        assert page["count"] == 3

    def test_deleting_the_tweet_takes_its_reposts_along(
        self, writer, follower, stranger, bob_follows_alice
    ):
        tweet = stranger.post()
        writer.repost(tweet)
        deliver_all()
        stranger.delete(tweet)
        assert follower.feed_ids() == []


class TestWhatIsGone:
    def test_a_deleted_tweet_disappears_at_once(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        deliver_all()
        writer.delete(tweet)
        assert follower.feed_ids() == []
        deliver_all()
        assert redis_client().lrange(lists.key(follower.id), 0, -1) == [b"0"]

    def test_a_suspended_author_disappears_and_comes_back(
        self, writer, follower, bob_follows_alice
    ):
        tweet = writer.post()
        deliver_all()
        accounts_services.suspend(user_id=writer.id)
        deliver_all()
        assert follower.feed_ids() == []
        writes.forget(follower.id)
        assert follower.feed_ids() == []  # built anew while alice is away
        accounts_services.restore(user_id=writer.id)
        deliver_all()
        assert follower.feed_ids() == [tweet]

    def test_a_deleted_users_timeline_is_forgotten(self, writer, follower, bob_follows_alice):
        writer.feed()
        accounts_services.delete_user(user_id=writer.id)
        deliver_all()
        assert not reads.materialised([writer.id])
        assert follower.feed_ids() == []
