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
from tests.support.timelines import Person, deliver, deliver_all, pending
from tweets.models import Tweet

# commits run what follows them, such as dropping what the cache has
pytestmark = pytest.mark.django_db(transaction=True)


SHARD = "default"
AUTHORED = lists.authored(SHARD)


def raw(user_id: int) -> list[int]:
    return [int(item) for item in redis_client().lrange(lists.key(user_id), 0, -1)]


def tell_everything() -> None:
    while news := pending():
        deliver(news)


@pytest.fixture
def pulled(writer: Person, follower: Person, settings) -> int:
    """Bob follows alice, who is pulled by the time of her first tweet, which is returned."""
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
    assert raw(writer.id)[0] == newer  # to themselves they are anyone


def test_they_stand_in_order_among_the_others_on_pages_and_past_a_cursor(writer, follower, pulled):
    entries = [pulled]
    for _ in range(3):
        entries += [follower.post(), writer.post()]
    deliver_all()
    assert follower.feed_ids() == entries[::-1]
    assert follower.feed_ids(offset=2, limit=3) == entries[::-1][2:5]
    assert follower.feed_entries(limit=2) == entries[::-1]


def test_once_read_a_page_is_one_look_into_redis(writer, follower, pulled):
    follower.feed()
    newer = writer.post()
    deliver_all()
    part = reads.read_part(follower.id, limit=10)
    assert part is not None
    assert list(part.entries) == [newer, pulled]


def test_a_follow_and_an_unfollow_count_at_the_next_read(writer, follower, stranger, pulled):
    assert stranger.feed_ids() == []
    stranger.follow(writer)
    deliver_all()
    newer = writer.post()
    deliver_all()
    assert stranger.feed_ids() == [newer, pulled]
    stranger.unfollow(writer)
    deliver_all()
    assert stranger.feed_ids() == []


def test_an_unfollow_takes_out_all_that_was_pushed_before(writer, follower, settings):
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


def test_a_deleted_tweet_is_gone_from_their_own_list(writer, follower, pulled):
    follower.feed()
    writer.delete(pulled)
    deliver_all()
    assert follower.feed_ids() == []
    assert redis_client().lrange(lists.key(writer.id, AUTHORED), 0, -1) == [b"0"]


def test_past_the_end_of_their_list_the_database_goes_on(writer, follower, pulled, settings):
    settings.FEED_SHOWN = 3
    entries = [pulled]
    for _ in range(4):
        entries += [writer.post(), follower.post()]
    deliver_all()
    for owner, kind in ((follower.id, lists.TIMELINE), (writer.id, AUTHORED)):
        writes.forget(owner, kind)
    assert follower.feed_entries(limit=2) == entries[::-1]


def test_who_loses_followers_is_pushed_again_and_nothing_is_missing(
    writer, follower, pulled, settings
):
    missed = writer.post()
    deliver_all()
    settings.FEED_PULL_FOLLOWERS = 100
    newer = writer.post()  # with it the worker sees how few follow
    tell_everything()
    assert pulling.authors() == []
    assert raw(follower.id) == [newer, missed, pulled, 0]
    newest = writer.post()
    deliver_all()
    assert follower.feed_ids() == [newest, newer, missed, pulled]
    assert raw(follower.id)[0] == newest


def test_between_the_limit_and_its_half_nothing_changes(
    writer, follower, stranger, pulled, settings
):
    settings.FEED_PULL_FOLLOWERS = 1
    stranger.follow(writer)
    deliver_all()
    follower.unfollow(writer)
    writer.post()
    tell_everything()
    assert pulling.authors() == [writer.id]
    stranger.unfollow(writer)
    writer.post()
    tell_everything()
    assert pulling.authors() == []


class TestAnEndingInSlices:
    @pytest.fixture(autouse=True)
    def ending(self, writer, follower, stranger, pulled, settings, monkeypatch) -> None:
        """Carol follows, too, slices are of one follower, and alice is to be pushed again."""
        stranger.follow(writer)
        deliver_all()
        follower.feed()
        stranger.feed()
        monkeypatch.setattr("feed.fanout.slices.SIZE", 1)
        settings.FEED_PULL_FOLLOWERS = 100
        writer.post()
        deliver_all()

    def news(self) -> PullEnded:
        (row,) = OutboxEvent.objects.pending().filter(routing_key="feed.pull_ended")
        event = decode(row.routing_key, row.body.encode())
        assert isinstance(event, PullEnded)
        return event

    def test_until_the_last_one_new_tweets_are_both_pushed_and_pulled(
        self, writer, follower, stranger
    ):
        end_pulling_slices([self.news()])
        tweet = writer.post()
        deliver([news for news in pending() if news.routing_key == "tweet.created"])
        assert pulling.authors() == [writer.id]
        assert raw(follower.id)[0] == tweet
        assert tweet not in raw(stranger.id)  # her slice comes later
        for person in (follower, stranger):
            assert person.feed_ids()[0] == tweet

    def test_it_begins_once_however_much_is_written_meanwhile(self, writer):
        for _ in range(2):
            writer.post()
        deliver([news for news in pending() if news.routing_key == "tweet.created"])
        assert OutboxEvent.objects.filter(routing_key="feed.pull_ended").count() == 1

    def test_its_message_begins_it_where_its_author_was_interrupted(
        self, writer, follower, stranger
    ):
        redis_client().hset(keys.PULLED, writer.id, pulling.PULLED)
        tell_everything()
        assert pulling.authors() == []
        for person in (follower, stranger):
            assert not compare(person.id)

    def test_a_slice_that_comes_twice_changes_nothing(self, writer, follower, stranger):
        first = self.news()
        end_pulling_slices([first])
        end_pulling_slices([first])
        tell_everything()
        end_pulling_slices([first])
        tell_everything()
        assert pulling.authors() == []
        for person in (follower, stranger):
            assert not compare(person.id)
            assert len(raw(person.id)) == len(set(raw(person.id)))

    def test_one_whose_message_is_lost_is_ended_by_a_rebuild(self, writer, follower, stranger):
        lost = self.news()
        end_pulling_slices([lost])
        entries = follower.feed_ids()
        call_command("rebuild_feed", follower.id)
        assert pulling.authors() == [writer.id]
        call_command("rebuild_feed")
        assert pulling.authors() == []
        for person in (follower, stranger):
            assert person.feed_ids() == entries
            assert raw(person.id) == [*entries, 0]

    def test_one_that_comes_after_a_new_crossing_ends_nothing(
        self, writer, follower, stranger, settings
    ):
        end_pulling_slices([self.news()])
        (middle,) = (news for news in pending() if b'"after_id":null' not in news.body)
        settings.FEED_PULL_FOLLOWERS = 0
        writer.post()
        tell_everything()
        deliver([middle])
        assert pulling.authors() == [writer.id]
        assert pulling.states(SHARD, [writer.id])[writer.id] == pulling.PULLED
