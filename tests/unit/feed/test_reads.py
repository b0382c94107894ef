"""Reading lists."""

import pytest

from common.redis.client import redis_client
from feed import lists, reads
from feed.reads import Timeline
from tests.support.lists import put

ALICE, BOB, CAROL = 101, 102, 103


def entries(user_id: int) -> list[int | str] | None:
    timeline = reads.read(user_id)
    return None if timeline is None else list(timeline.entries)


class TestReading:
    def test_a_missing_list_is_not_materialised(self):
        assert reads.read(BOB) is None

    def test_a_list_being_built_is_not_materialised(self):
        put(BOB, 50, -7)
        assert reads.read(BOB) is None
        assert reads.peek(BOB) is None
        assert reads.read_part(BOB, limit=10) is None

    def test_a_sentinel_is_not_shown_and_means_there_are_no_older_entries(self):
        put(BOB, 50, 40, 0)
        assert reads.read(BOB) == Timeline([50, 40], is_complete=True)

    def test_a_page_sorts_the_list_before_it_cuts_it(self, settings):
        settings.FEED_SHOWN = 10
        put(BOB, *range(20, 11, -1), 10, 11, 9)
        page = reads.read_part(BOB, before_id=14, limit=5)
        assert page
        assert page.entries == [13, 12, 11]
        put(CAROL, *range(20, 11, -1), 10, 11, 9)
        page = reads.read_part(CAROL, offset=7, limit=5)
        assert page
        assert page.entries == [13, 12, 11]

    def test_without_a_sentinel_the_list_is_not_complete(self):
        put(BOB, 50, 40)
        assert reads.read(BOB) == Timeline([50, 40], is_complete=False)

    def test_a_timeline_can_be_empty(self):
        put(BOB, 0)
        assert reads.read(BOB) == Timeline([], is_complete=True)

    def test_it_sorts_by_id_and_drops_duplicates(self):
        put(BOB, 40, 50, 9, 40, 10, 0)
        assert entries(BOB) == [50, 40, 10, 9]

    def test_an_element_that_is_no_id_keeps_its_position(self):
        redis_client().rpush(lists.key(BOB), "tweet-3", "10", "tweet-2", "20", "007")
        assert entries(BOB) == ["tweet-3", 20, "tweet-2", 10, "007"]

    def test_a_value_of_another_type_is_deleted(self):
        redis_client().set(lists.key(BOB), "a string")
        assert reads.read(BOB) is None
        assert not redis_client().exists(lists.key(BOB))

    def test_no_more_than_800_are_shown(self):
        put(BOB, *range(900, 0, -1))
        timeline = reads.read(BOB)
        assert timeline is not None
        assert list(timeline.entries) == list(range(900, 100, -1))

    def test_reading_makes_the_list_expire_a_month_later(self):
        put(BOB, 5, 0)
        reads.read(BOB)
        assert redis_client().ttl(lists.key(BOB)) > 29 * 24 * 3600


def test_iter_materialised_finds_all_owners():
    for user_id in (ALICE, BOB):
        put(user_id, 0)
    redis_client().set("feed:not-an-id", "x")
    assert sorted(reads.iter_materialised()) == [ALICE, BOB]


@pytest.mark.real
def test_redis_stores_ids_as_integers():
    ids = [(1 << 59) + (n << 22) + 4_000_000 for n in range(800, 0, -1)]
    put(BOB, *ids)
    used = redis_client().memory_usage(lists.key(BOB), samples=0)
    assert used is not None
    assert used < 800 * 8 * 1.45
