"""The feed as users see it."""

from dataclasses import replace

import orjson
import pytest

from accounts import services as accounts_services
from common.db import alias
from common.ids import new_id
from feed import reads, writes
from feed.fanout.deliver import deliver_slices
from grpc_services.clients import tweets
from messaging.events import FanOutSliced, decode
from messaging.models import OutboxEvent
from messaging.worker import Delivery
from tests.support.factories import UserFactory
from tests.support.lists import raw
from tests.support.timelines import Person, deliver, deliver_all, pending

# real commits, because the cache is invalidated after them
pytestmark = pytest.mark.django_db(transaction=True)


class TestFanOut:
    def test_a_tweet_reaches_followers_and_its_author(self, writer, follower, bob_follows_alice):
        writer.feed()
        tweet = writer.post()
        deliver_all()
        assert follower.feed_ids() == [tweet]
        assert writer.feed_ids() == [tweet]

    def test_it_does_not_reach_other_users(self, writer, outsider, bob_follows_alice):
        outsider.feed()
        writer.post()
        deliver_all()
        assert outsider.feed_ids() == []

    def test_the_feed_is_newest_first(self, writer, follower, bob_follows_alice):
        tweets = [writer.post(f"tweet {n}") for n in range(5)]
        deliver_all()
        assert follower.feed_ids() == tweets[::-1]

    def test_a_redelivery_changes_nothing(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        messages = pending()
        deliver(messages)
        deliver(messages)
        assert raw(follower.id) == [tweet, 0]

    def test_a_late_tweet_is_inserted_in_order(
        self, writer, follower, bob_follows_alice, monkeypatch
    ):
        first = writer.post()
        late = pending()
        second = writer.post()
        deliver_all()
        monkeypatch.setattr("feed.fanout.deliver.FRESH_SECONDS", 0.0)
        deliver(late)
        deliver(late)
        assert raw(follower.id) == [second, first, 0]

    def test_a_late_tweet_that_was_deleted_is_not_inserted(
        self, writer, follower, bob_follows_alice, monkeypatch
    ):
        tweet = writer.post()
        created = pending()
        writer.delete(tweet)
        deliver_all()
        monkeypatch.setattr("feed.fanout.deliver.FRESH_SECONDS", 0.0)
        deliver(created)
        assert raw(follower.id) == [0]

    def test_a_reply_reaches_followers(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        reply = writer.reply(tweet)
        deliver_all()
        assert follower.feed_ids() == [reply, tweet]


class TestManyFollowers:
    """A slice is two followers instead of 10,000."""

    @pytest.fixture
    def followers(self, writer, monkeypatch) -> list[Person]:
        monkeypatch.setattr("feed.fanout.slices.SIZE", 2)
        people = [Person(UserFactory.create()) for _ in range(5)]
        for person in people:
            person.follow(writer)
            person.feed()
        return people

    def test_a_tweet_reaches_all_of_them(self, writer, followers, drain):
        drain()
        tweet = writer.post()
        drain()
        assert [person.feed_ids() for person in followers] == [[tweet]] * 5

    def test_a_deletion_reaches_all_of_them(self, writer, followers, drain):
        tweet = writer.post()
        drain()
        writer.delete(tweet)
        drain()
        for person in followers:
            assert raw(person.id) == [0]

    def test_a_restored_authors_tweets_return_slice_by_slice(self, writer, followers, drain):
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

    def test_a_repeated_slice_changes_nothing(self, writer, followers, drain):
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
            assert raw(person.id) == [tweet, 0]


class TestFollowing:
    def test_a_follow_adds_earlier_tweets(self, writer, follower):
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

    def test_an_unfollow_removes_the_authors_tweets(self, writer, follower, bob_follows_alice):
        own = follower.post()
        writer.post()
        deliver_all()
        follower.unfollow(writer)
        deliver_all()
        assert follower.feed_ids() == [own]

    def test_a_fan_out_in_progress_does_not_undo_an_unfollow(
        self, writer, follower, bob_follows_alice
    ):
        writer.post()
        created = pending()
        follower.unfollow(writer)
        unfollowed = pending()
        deliver(unfollowed)
        writes.push(new_id(), writer.id, [follower.id])  # it read the followers before
        deliver(created)
        assert follower.feed_entries() == []
        assert raw(follower.id) == [0]

    def test_a_new_follow_after_an_unfollow_gets_new_tweets(
        self, writer, follower, bob_follows_alice
    ):
        follower.unfollow(writer)
        deliver_all()
        follower.follow(writer)
        deliver_all()
        tweet = writer.post()
        deliver_all()
        assert follower.feed_ids() == [tweet]

    @pytest.mark.parametrize("following", [True, False])
    def test_a_tweet_pushed_while_the_authors_entries_are_read_is_kept_only_by_a_follow(
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

        def read_then_push(*args, **kwargs):
            found = read(*args, **kwargs)
            if not posted:
                posted.append(writer.post())
                writes.push(posted[0], writer.id, [follower.id])
            return found

        monkeypatch.setattr(tweets, "get_author_tweets", read_then_push)
        deliver(follow_or_unfollow)
        assert posted
        listed = reads.peek(follower.id)
        assert listed
        assert (listed.entries == posted) is following

    def test_a_clock_that_is_behind_does_not_reverse_follow_and_unfollow(
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
    """The messages, as published by a host whose clock is behind."""
    assert deliveries
    bodies = [orjson.loads(delivery.body) for delivery in deliveries]
    return [
        replace(delivery, body=orjson.dumps(body | {"at": "2020-01-01T00:00:00.000Z"}))
        for delivery, body in zip(deliveries, bodies, strict=True)
    ]


class TestReposts:
    def test_a_repost_reaches_the_reposters_followers(
        self, writer, follower, outsider, bob_follows_alice
    ):
        tweet = outsider.post("from a outsider")
        writer.repost(tweet)
        deliver_all()
        (shown,) = follower.feed()["tweets"]
        assert shown["id"] == str(tweet)
        assert shown["entry_id"] != shown["id"]
        assert shown["reposted_by"]["username"] == "alice"
        assert shown["author"]["username"] == "carol"

    def test_undoing_a_repost_removes_it(self, writer, follower, outsider, bob_follows_alice):
        tweet = outsider.post()
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

    def test_a_deleted_tweets_reposts_disappear(
        self, writer, follower, outsider, bob_follows_alice
    ):
        tweet = outsider.post()
        writer.repost(tweet)
        deliver_all()
        outsider.delete(tweet)
        assert follower.feed_ids() == []


class TestDeletionAndSuspension:
    def test_a_deleted_tweet_disappears_at_once(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        deliver_all()
        writer.delete(tweet)
        assert follower.feed_ids() == []
        deliver_all()
        assert raw(follower.id) == [0]

    def test_a_suspended_author_is_hidden_until_restored(self, writer, follower, bob_follows_alice):
        tweet = writer.post()
        deliver_all()
        accounts_services.suspend(user_id=writer.id)
        deliver_all()
        assert follower.feed_ids() == []
        writes.forget(follower.id)
        assert follower.feed_ids() == []  # the rebuilt timeline lacks the suspended author
        accounts_services.restore(user_id=writer.id)
        deliver_all()
        assert follower.feed_ids() == [tweet]

    def test_a_deleted_users_timeline_is_dropped(self, writer, follower, bob_follows_alice):
        writer.feed()
        accounts_services.delete_user(user_id=writer.id)
        deliver_all()
        assert not reads.materialised([writer.id])
        assert follower.feed_ids() == []
