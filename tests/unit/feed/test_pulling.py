"""Authors with more followers than the limit: readers merge their lists."""

import pytest
from django.core.management import call_command

from common.ids import created_at, new_ids
from common.redis.client import redis_client
from feed import keys, lists, pulling, reads, writes
from feed.differences import compare
from feed.fanout.deliver import end_pulling_slices
from grpc_services.clients.tweets import MAX_ENTRIES
from messaging.events import PullEnded, decode
from messaging.models import OutboxEvent
from tests.support.lists import raw
from tests.support.timelines import Person, deliver, deliver_all, pending
from tweets.models import Tweet

# real commits, because the cache is invalidated after them
pytestmark = pytest.mark.django_db(transaction=True)


SHARD = "default"
AUTHORED = lists.authored(SHARD)


def deliver_everything() -> None:
    while messages := pending():
        deliver(messages)


@pytest.fixture
def pulled(writer: Person, follower: Person, settings) -> int:
    """Bob follows alice, and her first tweet makes her pulled. Returns the tweet."""
    follower.follow(writer)
    deliver_all()
    settings.FEED_PULL_FOLLOWERS = 0
    tweet = writer.post()
    deliver_all()
    return tweet


def test_their_tweets_are_read_without_being_pushed(writer, follower, pulled):
    assert follower.feed_ids() == [pulled]
    writer.feed()
    newer = writer.post()
    deliver_all()
    assert raw(follower.id) == [0]
    assert follower.feed_ids() == [newer, pulled]
    assert raw(writer.id)[0] == newer  # authors are pushed their own entries


def test_their_tweets_are_in_order_among_the_others(writer, follower, pulled):
    entries = [pulled]
    for _ in range(3):
        entries += [follower.post(), writer.post()]
    deliver_all()
    assert follower.feed_ids() == entries[::-1]
    assert follower.feed_ids(offset=2, limit=3) == entries[::-1][2:5]
    assert follower.feed_entries(limit=2) == entries[::-1]


def test_a_cached_page_takes_one_round_trip(writer, follower, pulled):
    follower.feed()
    newer = writer.post()
    deliver_all()
    part = reads.read_part(follower.id, limit=10)
    assert part is not None
    assert list(part.entries) == [newer, pulled]


def test_a_follow_and_an_unfollow_show_at_the_next_read(writer, follower, outsider, pulled):
    assert outsider.feed_ids() == []
    outsider.follow(writer)
    deliver_all()
    newer = writer.post()
    deliver_all()
    assert outsider.feed_ids() == [newer, pulled]
    outsider.unfollow(writer)
    deliver_all()
    assert outsider.feed_ids() == []


def test_an_unfollow_removes_all_entries_that_were_pushed_before(writer, follower, settings):
    follower.follow(writer)
    deliver_all()
    pushed = writer.post()
    deliver_all()
    assert follower.feed_ids() == [pushed]
    settings.FEED_PULL_FOLLOWERS = 0
    writer.post()
    deliver_all()
    Tweet.objects.bulk_create(
        Tweet(id=id, user_id=writer.id, content="newer", created_at=created_at(id))
        for id in new_ids(MAX_ENTRIES)
    )
    follower.unfollow(writer)
    deliver_all()
    assert follower.feed_ids() == []


def test_a_deletion_is_removed_from_their_own_list(writer, follower, pulled):
    follower.feed()
    writer.delete(pulled)
    deliver_all()
    assert follower.feed_ids() == []
    assert raw(writer.id, AUTHORED) == [0]


def test_pages_continue_below_their_list_in_the_database(writer, follower, pulled, settings):
    settings.FEED_SHOWN = 3
    entries = [pulled]
    for _ in range(4):
        entries += [writer.post(), follower.post()]
    deliver_all()
    for owner, kind in ((follower.id, lists.TIMELINE), (writer.id, AUTHORED)):
        writes.forget(owner, kind)
    assert follower.feed_entries(limit=2) == entries[::-1]


def test_an_author_who_loses_followers_is_pushed_again_without_a_gap(
    writer, follower, pulled, settings
):
    missed = writer.post()
    deliver_all()
    settings.FEED_PULL_FOLLOWERS = 100
    newer = writer.post()  # the worker checks the number of followers
    deliver_everything()
    assert pulling.authors() == []
    assert raw(follower.id) == [newer, missed, pulled, 0]
    newest = writer.post()
    deliver_all()
    assert follower.feed_ids() == [newest, newer, missed, pulled]
    assert raw(follower.id)[0] == newest


def test_nothing_changes_between_half_the_limit_and_the_limit(
    writer, follower, outsider, pulled, settings
):
    settings.FEED_PULL_FOLLOWERS = 1
    outsider.follow(writer)
    deliver_all()
    follower.unfollow(writer)
    writer.post()
    deliver_everything()
    assert pulling.authors() == [writer.id]
    outsider.unfollow(writer)
    writer.post()
    deliver_everything()
    assert pulling.authors() == []


class TestAnEndingInSlices:
    @pytest.fixture(autouse=True)
    def ending(self, writer, follower, outsider, pulled, settings, monkeypatch) -> None:
        """Carol follows, too. A slice is one follower. Alice is under half the limit again."""
        outsider.follow(writer)
        deliver_all()
        follower.feed()
        outsider.feed()
        monkeypatch.setattr("feed.fanout.slices.SIZE", 1)
        settings.FEED_PULL_FOLLOWERS = 100
        writer.post()
        deliver_all()

    def message(self) -> PullEnded:
        (row,) = OutboxEvent.objects.pending().filter(routing_key="feed.pull_ended")
        event = decode(row.routing_key, row.body.encode())
        assert isinstance(event, PullEnded)
        return event

    def test_until_the_last_slice_new_tweets_are_pushed_and_pulled(
        self, writer, follower, outsider
    ):
        end_pulling_slices([self.message()])
        tweet = writer.post()
        deliver([delivery for delivery in pending() if delivery.routing_key == "tweet.created"])
        assert pulling.authors() == [writer.id]
        assert raw(follower.id)[0] == tweet
        assert tweet not in raw(outsider.id)  # in the next slice
        for person in (follower, outsider):
            assert person.feed_ids()[0] == tweet

    def test_further_tweets_do_not_start_it_again(self, writer):
        for _ in range(2):
            writer.post()
        deliver([delivery for delivery in pending() if delivery.routing_key == "tweet.created"])
        assert OutboxEvent.objects.filter(routing_key="feed.pull_ended").count() == 1

    def test_its_message_starts_it_if_the_publisher_was_interrupted(
        self, writer, follower, outsider
    ):
        redis_client().hset(keys.PULLED, writer.id, pulling.PULLED)
        deliver_everything()
        assert pulling.authors() == []
        for person in (follower, outsider):
            assert not compare(person.id)

    def test_a_repeated_slice_changes_nothing(self, writer, follower, outsider):
        first = self.message()
        end_pulling_slices([first])
        end_pulling_slices([first])
        deliver_everything()
        end_pulling_slices([first])
        deliver_everything()
        assert pulling.authors() == []
        for person in (follower, outsider):
            assert not compare(person.id)
            assert len(raw(person.id)) == len(set(raw(person.id)))

    def test_a_rebuild_completes_it_after_a_lost_message(self, writer, follower, outsider):
        lost = self.message()
        end_pulling_slices([lost])
        entries = follower.feed_ids()
        call_command("rebuild_feed", follower.id)
        assert pulling.authors() == [writer.id]
        call_command("rebuild_feed")
        assert pulling.authors() == []
        for person in (follower, outsider):
            assert person.feed_ids() == entries
            assert raw(person.id) == [*entries, 0]

    def test_a_late_slice_does_not_end_a_new_pulling(self, writer, follower, outsider, settings):
        end_pulling_slices([self.message()])
        (middle,) = (delivery for delivery in pending() if b'"after_id":null' not in delivery.body)
        settings.FEED_PULL_FOLLOWERS = 0
        writer.post()
        deliver_everything()
        deliver([middle])
        assert pulling.authors() == [writer.id]
        assert pulling.states(SHARD, [writer.id])[writer.id] == pulling.PULLED
