"""Pages of the feed, by offset and by cursor."""

import pytest

from common.redis.client import redis_client
from feed import expected, lists, reads, writes
from feed.serializers import MAX_OFFSET
from tests.support.timelines import Person, deliver_all

# real commits, because the cache is invalidated after them
pytestmark = pytest.mark.django_db(transaction=True)


class TestPages:
    def test_an_offset_counts_positions_in_the_list(self, writer, follower, bob_follows_alice):
        tweets = [writer.post() for _ in range(5)][::-1]
        deliver_all()
        page = follower.feed(limit=2, offset=2)
        assert [int(tweet["id"]) for tweet in page["tweets"]] == tweets[2:4]
        assert (page["count"], page["limit"], page["offset"]) == (2, 2, 2)

    def test_a_page_past_the_end_is_empty(self, follower):
        page = follower.feed(offset=100)
        assert page == {"tweets": [], "count": 0, "limit": 50, "offset": 100, "next": None}

    def test_the_largest_offset_is_read_by_the_script(self, follower):
        redis_client().rpush(lists.key(follower.id), "12", "11", "0")
        part = reads.read_part(follower.id, offset=MAX_OFFSET, limit=20)
        assert part is not None
        assert (part.entries, part.has_more) == ([], False)

    def test_entries_that_do_not_exist_are_counted_but_not_shown(self, follower):
        redis_client().rpush(lists.key(follower.id), "11", "12", "13")
        page = follower.feed()
        assert (page["count"], page["tweets"]) == (3, [])

    def test_elements_that_are_no_ids_are_counted_but_not_shown(self, follower):
        redis_client().rpush(lists.key(follower.id), "tweet-1", "tweet-2")
        page = follower.feed()
        assert (page["count"], page["tweets"], page["next"]) == (2, [], None)

    def test_a_page_by_cursor_is_filled_up_after_deletions(
        self, writer, follower, bob_follows_alice
    ):
        tweets = [writer.post() for _ in range(6)]
        deliver_all()
        for gone in tweets[2:4]:
            writer.delete(gone)
        page = follower.feed(limit=3, cursor=str(tweets[5]))
        assert [int(tweet["id"]) for tweet in page["tweets"]] == [tweets[4], tweets[1], tweets[0]]
        assert page["count"] == 5

    def test_pages_by_cursor_skip_and_repeat_nothing_while_tweets_arrive(
        self, writer, follower, bob_follows_alice
    ):
        tweets = [writer.post() for _ in range(7)][::-1]
        deliver_all()
        page = follower.feed(limit=2)
        seen = [int(tweet["id"]) for tweet in page["tweets"]]
        while page["next"]:
            writer.post("meanwhile")
            deliver_all()
            page = follower.feed(limit=2, cursor=page["next"])
            seen += [int(tweet["id"]) for tweet in page["tweets"]]
        assert seen == tweets

    def test_a_later_page_shows_a_tweet_again_under_an_older_entry(
        self, writer, follower, bob_follows_alice
    ):
        tweet, other = writer.post(), writer.post()
        writer.repost(tweet)
        deliver_all()
        page = follower.feed(limit=2)
        assert [int(shown["id"]) for shown in page["tweets"]] == [tweet, other]
        assert follower.feed_ids(limit=2, cursor=page["next"]) == [tweet]

    def test_a_repost_that_arrives_between_pages_hides_no_tweet(
        self, writer, follower, bob_follows_alice
    ):
        tweet, other = writer.post(), writer.post()
        deliver_all()
        page = follower.feed(limit=1)
        assert [int(shown["id"]) for shown in page["tweets"]] == [other]
        writer.repost(tweet)
        deliver_all()
        assert follower.feed_ids(limit=1, cursor=page["next"]) == [tweet]

    def test_pages_continue_below_the_list_in_the_database(
        self, writer, follower, bob_follows_alice, settings
    ):
        settings.FEED_SHOWN = 5
        tweets = [writer.post() for _ in range(12)][::-1]
        writes.forget(follower.id)
        assert follower.feed_entries(limit=4) == tweets
        timeline = reads.read(follower.id)
        assert timeline is not None
        assert timeline.entries == tweets[:5]

    def test_a_follow_after_an_unfollow_leaves_no_gap(
        self, writer, follower, outsider, bob_follows_alice, settings
    ):
        """A list that an unfollow made shorter must not be filled up below its floor."""
        settings.FEED_SHOWN = 6
        follower.follow(outsider)
        deliver_all()
        for _ in range(6):
            writer.post()
            outsider.post()
        writes.forget(follower.id)
        follower.feed()
        follower.unfollow(outsider)
        deliver_all()
        follower.follow(outsider)
        deliver_all()
        assert follower.feed_entries(limit=4) == sorted(expected_entries(follower), reverse=True)

    @pytest.mark.parametrize("limit", [2, 4])
    def test_pages_by_offset_do_not_end_early_after_an_unfollow(
        self, writer, follower, outsider, bob_follows_alice, settings, limit
    ):
        settings.FEED_SHOWN = 6
        follower.follow(outsider)
        deliver_all()
        tweets = []
        for _ in range(8):
            tweets.append(writer.post())
            outsider.post()
        deliver_all()
        writes.forget(follower.id)
        follower.feed()
        follower.unfollow(outsider)
        deliver_all()
        assert window(follower, limit) == tweets[:-7:-1]

    def test_pages_by_offset_do_not_end_early_after_many_deletions(
        self, writer, follower, bob_follows_alice, settings
    ):
        settings.FEED_SHOWN = 6
        tweets = [writer.post() for _ in range(12)]
        deliver_all()
        writes.forget(follower.id)
        follower.feed()
        for _ in range(4):
            writer.delete(tweets.pop())
        deliver_all()
        assert window(follower, 4) == tweets[:-7:-1]

    def test_timelines_are_rebuilt_after_redis_lost_its_data(
        self, writer, follower, bob_follows_alice
    ):
        tweets = [writer.post() for _ in range(3)][::-1]
        deliver_all()
        redis_client().flushdb()
        assert follower.feed_ids() == tweets

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"limit": 0}, "limit"),
            ({"limit": 101}, "limit"),
            ({"limit": "many"}, "limit"),
            ({"offset": -1}, "offset"),
            ({"offset": 10**30}, "offset"),
            ({"cursor": "made-up"}, "cursor"),
            ({"cursor": "0"}, "cursor"),
            ({"cursor": "9" * 30}, "cursor"),
        ],
    )
    def test_it_rejects_parameters_out_of_range(self, follower, query, field):
        response = follower.client.get("/feed", query)
        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == [field]

    def test_it_requires_authentication(self, api):
        assert api.get("/feed").status_code == 401


def window(person: Person, limit: int) -> list[int]:
    """The feed by offset, to the first empty page."""
    seen: list[int] = []
    while page := person.feed_ids(offset=len(seen), limit=limit):
        seen += page
    return seen


def expected_entries(person: Person) -> list[int]:
    return expected.newest_entries(expected.authors_of(person.id), limit=1000)


def test_a_page_costs_a_fixed_number_of_queries(
    writer, follower, bob_follows_alice, django_assert_max_num_queries
):
    for _ in range(30):
        writer.post()
    deliver_all()
    with django_assert_max_num_queries(6):
        assert len(follower.feed(limit=30)["tweets"]) == 30
