"""The scripts that change timelines, each asked on the Redis in use."""

import threading

import pytest

from common.redis.client import redis_client
from feed import lists, reads, writes
from feed.lists import SLACK
from feed.pipeline import Audience
from feed.reads import Timeline

ALICE, BOB, CAROL = 101, 102, 103


def put(user_id: int, *items: int) -> None:
    """A timeline as it stands in Redis, head first."""
    redis_client().rpush(lists.key(user_id), *items)


def raw(user_id: int) -> list[int]:
    return [int(item) for item in redis_client().lrange(lists.key(user_id), 0, -1)]


def entries(user_id: int) -> list[int | str] | None:
    timeline = reads.read(user_id)
    return None if timeline is None else list(timeline.entries)


class TestReading:
    def test_a_missing_list_is_not_materialised(self):
        assert reads.read(BOB) is None

    def test_a_list_that_is_being_built_is_not_materialised_yet(self):
        put(BOB, 50, -7)
        assert reads.read(BOB) is None
        assert reads.peek(BOB) is None
        assert reads.read_part(BOB, limit=10) is None

    def test_the_sentinel_is_not_shown_and_says_that_nothing_is_below(self):
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

    def test_without_a_sentinel_the_database_goes_on(self):
        put(BOB, 50, 40)
        assert reads.read(BOB) == Timeline([50, 40], is_complete=False)

    def test_an_empty_timeline_is_one(self):
        put(BOB, 0)
        assert reads.read(BOB) == Timeline([], is_complete=True)

    def test_it_sorts_by_id_and_drops_doubles(self):
        put(BOB, 40, 50, 9, 40, 10, 0)
        assert entries(BOB) == [50, 40, 10, 9]

    def test_what_is_no_id_keeps_its_place(self):
        redis_client().rpush(lists.key(BOB), "tweet-3", "10", "tweet-2", "20", "007")
        assert entries(BOB) == ["tweet-3", 20, "tweet-2", 10, "007"]

    def test_a_value_of_another_type_is_thrown_away(self):
        redis_client().set(lists.key(BOB), "a string")
        assert reads.read(BOB) is None
        assert not redis_client().exists(lists.key(BOB))

    def test_no_more_than_800_are_shown(self):
        put(BOB, *range(900, 0, -1))
        timeline = reads.read(BOB)
        assert timeline is not None
        assert list(timeline.entries) == list(range(900, 100, -1))

    def test_reading_keeps_the_list_for_another_month(self):
        put(BOB, 5, 0)
        reads.read(BOB)
        assert redis_client().ttl(lists.key(BOB)) > 29 * 24 * 3600


class TestPush:
    def test_it_reaches_only_the_timelines_that_exist(self):
        put(BOB, 10, 0)
        assert writes.push(20, ALICE, [BOB, CAROL]) == 1
        assert raw(BOB) == [20, 10, 0]
        assert reads.read(CAROL) is None

    def test_a_second_delivery_changes_nothing(self):
        put(BOB, 0)
        writes.push(20, ALICE, [BOB])
        writes.push(21, ALICE, [BOB])
        assert writes.push(20, ALICE, [BOB]) == 0
        assert raw(BOB) == [21, 20, 0]

    def test_the_list_is_trimmed_only_past_the_slack(self):
        put(BOB, *range(800 + SLACK, 0, -1))
        writes.push(2000, ALICE, [BOB])
        assert raw(BOB) == [2000, *range(800 + SLACK, 65, -1)]
        assert len(raw(BOB)) == 800

    def test_a_foreign_value_does_not_stop_the_others(self):
        redis_client().set(lists.key(BOB), "a string")
        put(CAROL, 0)
        assert writes.push(20, ALICE, [BOB, CAROL]) == 1
        assert raw(CAROL) == [20, 0]

    def test_it_passes_over_who_has_just_unfollowed(self):
        put(BOB, 10, 0)
        put(CAROL, 10, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=False, version=1, entries=[10]
        )
        assert writes.push(20, ALICE, [BOB, CAROL]) == 1
        assert raw(BOB) == [0]

    def test_it_survives_a_restart_that_forgot_the_scripts(self):
        put(BOB, 0)
        writes.push(20, ALICE, [BOB])
        redis_client().script_flush()
        assert writes.push(21, ALICE, [BOB]) == 1
        assert raw(BOB) == [21, 20, 0]

    def test_a_trim_of_entries_out_of_order_drops_none_above_the_floor(self, settings):
        settings.FEED_SHOWN = 100
        full = list(range(1000, 1000 - 100 - SLACK, -1))
        full[98], full[101] = full[101], full[98]  # around the cut
        put(BOB, *full)
        writes.push(2000, ALICE, [BOB])
        assert raw(BOB) == [2000, *range(1000, 901, -1)]

    @pytest.mark.real
    def test_it_survives_scripts_being_forgotten_at_any_moment(self):
        put(BOB, 0)
        is_done = threading.Event()

        def forget_scripts():
            while not is_done.is_set():
                redis_client().script_flush()

        forgetter = threading.Thread(target=forget_scripts)
        forgetter.start()
        try:
            pushed = [writes.push(id, ALICE, [BOB]) for id in range(20, 320)]
        finally:
            is_done.set()
            forgetter.join()
        assert pushed == [1] * 300

    def test_it_works_by_the_thousand(self):
        followers = list(range(1000, 3500))
        for follower in followers[::100]:
            put(follower, 0)
        assert writes.push(20, ALICE, followers) == 25


class TestInsert:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ([30, 10, 0], [30, 20, 10, 0]),
            ([10, 0], [20, 10, 0]),
            ([30, 0], [30, 20, 0]),
            ([0], [20, 0]),
            ([-1], [20, -1]),
            ([30, 10, -7], [30, 20, 10, -7]),
            ([30, -7], [30, 20, -7]),
            ([30, 20, 10, 0], [30, 20, 10, 0]),
            ([30, 20], [30, 20]),
            ([30, 25], [30, 25]),  # below the floor: the database has it
            ([30, 9], [30, 20, 9]),  # by number, not by letter
        ],
    )
    def test_it_goes_to_its_place_once(self, before: list[int], after: list[int]):
        put(BOB, *before)
        writes.insert(20, ALICE, [BOB])
        writes.insert(20, ALICE, [BOB])
        assert raw(BOB) == after

    def test_a_missing_list_stays_missing(self):
        assert writes.insert(20, ALICE, [BOB]) == 0
        assert not reads.materialised([BOB])

    def test_the_list_is_trimmed_only_past_the_slack(self):
        put(BOB, *range(1800 + SLACK, 1000, -1))
        redis_client().lrem(lists.key(BOB), 0, "1500")
        writes.insert(1500, ALICE, [BOB])
        assert raw(BOB) == list(range(1800 + SLACK, 1000, -1))
        writes.insert(2000, ALICE, [BOB])
        assert raw(BOB) == [2000, *range(1800 + SLACK, 1001 + SLACK, -1)]
        assert len(raw(BOB)) == 800


def hide(*entries: int) -> None:
    writes.apply_follow(
        follower_id=BOB, author_id=ALICE, following=False, version=0, entries=entries
    )


class TestRemove:
    def test_it_takes_every_copy_out(self):
        put(BOB, 30, 20, 20, 10, 0)
        put(CAROL, 30, 0)
        assert writes.remove([20, 10], [BOB, CAROL, ALICE]) == 1
        assert raw(BOB) == [30, 0]
        assert raw(CAROL) == [30, 0]

    def test_the_list_lives_as_long_as_before(self):
        put(BOB, 20, 0)
        redis_client().expire(lists.key(BOB), 1000)
        writes.remove([20], [BOB])
        assert 0 < redis_client().ttl(lists.key(BOB)) <= 1000

    def test_a_list_that_goes_on_in_the_database_may_lose_a_tenth(self):
        put(BOB, *range(800, 0, -1))
        writes.remove([*range(100, 180)], [BOB])
        assert len(raw(BOB)) == 720
        writes.remove([200], [BOB])
        assert not reads.materialised([BOB])

    def test_so_may_an_authors_own_list(self):
        own = lists.key(ALICE, lists.authored("default"))
        redis_client().rpush(own, *range(800, 0, -1))
        for entries, left in [(range(80), 721), (range(80, 82), 0)]:
            writes.remove(list(entries), Audience([], author_id=ALICE))
            assert redis_client().llen(own) == left

    @pytest.mark.parametrize("last", [0, -7])
    def test_others_may_lose_everything(self, last: int):
        put(BOB, *range(800, 0, -1), last)
        writes.remove([*range(1, 801)], [BOB])
        assert raw(BOB) == [last]

    def test_a_short_list_that_something_else_filled_stays(self):
        put(BOB, 30, 20, 10)
        writes.remove([20], [BOB])
        assert raw(BOB) == [30, 10]


class TestSettle:
    def test_a_follow_merges_the_authors_entries(self):
        put(BOB, 30, 10, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[40, 30, 20, 5]
        )
        assert raw(BOB) == [40, 30, 20, 10, 5, 0]

    def test_below_the_floor_nothing_is_merged(self):
        put(BOB, 30, 10)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[20, 5]
        )
        assert raw(BOB) == [30, 20, 10]

    def test_an_unfollow_takes_them_out(self):
        put(BOB, 40, 30, 20, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=False, version=1, entries=[40, 20]
        )
        assert raw(BOB) == [30, 0]

    def test_an_older_answer_about_the_pair_does_not_undo_a_newer_one(self):
        put(BOB, 30, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=False, version=5, entries=[20]
        )
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=4, entries=[20]
        )
        assert raw(BOB) == [30, 0]
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=6, entries=[20]
        )
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=False, version=5, entries=[20]
        )
        assert raw(BOB) == [30, 20, 0]

    def test_an_answer_without_a_version_is_applied(self):
        """It comes from a server of before there were versions."""
        put(BOB, 30, 0)
        for version in (5, 0):
            writes.apply_follow(
                follower_id=BOB, author_id=ALICE, following=True, version=version, entries=[20]
            )
            writes.apply_follow(
                follower_id=BOB, author_id=ALICE, following=False, version=0, entries=[20]
            )
            assert raw(BOB) == [30, 0]

    def test_another_pair_is_another_matter(self):
        put(BOB, 30, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=CAROL, following=False, version=5, entries=[]
        )
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=4, entries=[20]
        )
        assert raw(BOB) == [30, 20, 0]

    def test_twice_equals_once(self):
        put(BOB, 30, 0)
        for _ in range(2):
            writes.apply_follow(
                follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[20]
            )
        assert raw(BOB) == [30, 20, 0]

    @pytest.mark.parametrize("following", [False, True])
    def test_it_drops_a_list_that_is_being_built(self, following: bool):
        marker = begin(BOB)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=following, version=1, entries=[20]
        )
        assert not reads.materialised([BOB])
        writes.finish_building(BOB, marker, [20, 10], is_complete=True)
        assert not reads.materialised([BOB])

    @pytest.mark.parametrize("following", [False, True])
    def test_without_entries_it_leaves_the_list_as_it_is(self, following: bool):
        put(BOB, 10, 30, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=following, version=1, entries=[]
        )
        assert raw(BOB) == [10, 30, 0]

    @pytest.mark.parametrize("following", [False, True])
    def test_without_entries_it_drops_a_list_that_is_being_built(self, following: bool):
        begin(BOB)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=following, version=1, entries=[]
        )
        assert not reads.materialised([BOB])

    def test_an_unfollow_drops_a_list_that_it_makes_too_short(self):
        put(BOB, *range(802, 0, -1))
        for entry, left in [(9, 801), (9, 801), (700, 800)]:
            hide(entry)
            assert len(raw(BOB)) == left
        hide(10)
        assert not reads.materialised([BOB])

    def test_an_unfollow_leaves_a_short_list_that_something_else_filled(self):
        put(BOB, 30, 20, 10)
        hide(20)
        assert raw(BOB) == [30, 10]

    def test_a_full_list_keeps_800_and_loses_its_sentinel(self):
        put(BOB, *range(800, 0, -1), 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[900]
        )
        assert raw(BOB) == [900, *range(800, 1, -1)]

    def test_a_missing_list_stays_missing(self):
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[20]
        )
        assert not reads.materialised([BOB])


def begin(user_id: int) -> bytes:
    marker = writes.start_building(user_id)
    assert marker is not None
    return marker


class TestBuilding:
    def test_what_arrives_meanwhile_is_kept(self):
        marker = begin(BOB)
        writes.push(30, ALICE, [BOB])
        writes.finish_building(BOB, marker, [20, 10], is_complete=True)
        assert raw(BOB) == [30, 20, 10, 0]

    @pytest.mark.parametrize("last", [0, 10])
    def test_a_list_that_exists_is_never_built_over(self, last: int):
        put(BOB, 30, last)
        writes.finish_building(BOB, begin(BOB), [20], is_complete=True)
        assert raw(BOB) == [30, last]

    def test_two_that_build_at_once_make_one_list(self):
        first, second = begin(BOB), begin(BOB)
        writes.finish_building(BOB, second, [20, 10], is_complete=True)
        writes.finish_building(BOB, first, [20], is_complete=True)
        assert raw(BOB) == [20, 10, 0]

    def test_an_older_builder_does_not_finish_the_list_of_a_newer_one(self):
        older = begin(BOB)
        writes.forget(BOB)
        newer = begin(BOB)
        writes.finish_building(BOB, older, [20], is_complete=True)
        assert reads.read(BOB) is None
        writes.finish_building(BOB, newer, [30], is_complete=True)
        assert raw(BOB) == [30, 0]

    def test_a_builder_that_died_leaves_its_list_to_the_next_one(self):
        begin(BOB)
        writes.push(30, ALICE, [BOB])
        writes.finish_building(BOB, begin(BOB), [20], is_complete=True)
        assert raw(BOB) == [30, 20, 0]

    @pytest.mark.parametrize("put_in", [writes.push, writes.insert])
    def test_a_list_that_grows_too_long_meanwhile_is_dropped_and_claims_no_floor(self, put_in):
        put(BOB, *range(800 + SLACK, 0, -1), -7)
        put_in(2000, ALICE, [BOB])
        assert not reads.materialised([BOB])

    def test_a_truncated_list_has_no_sentinel(self):
        writes.finish_building(BOB, begin(BOB), list(range(800, 0, -1)), is_complete=False)
        assert reads.read(BOB) == Timeline(list(range(800, 0, -1)), is_complete=False)

    def test_an_empty_one_exists(self):
        writes.finish_building(BOB, begin(BOB), [], is_complete=True)
        assert raw(BOB) == [0]
        assert reads.materialised([ALICE, BOB]) == [BOB]


def test_all_owners_are_found():
    for user_id in (ALICE, BOB):
        put(user_id, 0)
    redis_client().set("feed:not-an-id", "x")
    assert sorted(reads.iter_materialised()) == [ALICE, BOB]


@pytest.mark.real
def test_ids_are_kept_as_integers_and_cost_little():
    ids = [(1 << 59) + (n << 22) + 4_000_000 for n in range(800, 0, -1)]
    put(BOB, *ids)
    used = redis_client().memory_usage(lists.key(BOB), samples=0)
    assert used is not None
    assert used < 800 * 8 * 1.45
