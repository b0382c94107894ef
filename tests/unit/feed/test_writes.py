"""Changing lists."""

import threading

import pytest

from common.redis.client import redis_client
from feed import lists, reads, writes
from feed.lists import SLACK
from feed.pipeline import Audience
from tests.support.lists import put, raw

ALICE, BOB, CAROL = 101, 102, 103


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

    def test_it_trims_the_list_only_beyond_the_slack(self):
        put(BOB, *range(800 + SLACK, 0, -1))
        writes.push(2000, ALICE, [BOB])
        assert raw(BOB) == [2000, *range(800 + SLACK, 65, -1)]
        assert len(raw(BOB)) == 800

    def test_a_value_of_another_type_does_not_stop_it(self):
        redis_client().set(lists.key(BOB), "a string")
        put(CAROL, 0)
        assert writes.push(20, ALICE, [BOB, CAROL]) == 1
        assert raw(CAROL) == [20, 0]

    def test_it_skips_recent_unfollowers(self):
        put(BOB, 10, 0)
        put(CAROL, 10, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=False, version=1, entries=[10]
        )
        assert writes.push(20, ALICE, [BOB, CAROL]) == 1
        assert raw(BOB) == [0]

    def test_it_loads_its_script_again_after_a_restart(self):
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
    def test_it_works_while_redis_forgets_its_scripts(self):
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

    def test_it_reaches_thousands_of_followers(self):
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
            ([30, 25], [30, 25]),  # below the floor
            ([30, 9], [30, 20, 9]),  # compared as numbers
        ],
    )
    def test_it_inserts_the_entry_in_order_once(self, before: list[int], after: list[int]):
        put(BOB, *before)
        writes.insert(20, ALICE, [BOB])
        writes.insert(20, ALICE, [BOB])
        assert raw(BOB) == after

    def test_it_creates_no_list(self):
        assert writes.insert(20, ALICE, [BOB]) == 0
        assert not reads.materialised([BOB])

    def test_it_trims_the_list_only_beyond_the_slack(self):
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
    def test_it_removes_every_copy(self):
        put(BOB, 30, 20, 20, 10, 0)
        put(CAROL, 30, 0)
        assert writes.remove([20, 10], [BOB, CAROL, ALICE]) == 1
        assert raw(BOB) == [30, 0]
        assert raw(CAROL) == [30, 0]

    def test_the_list_expires_when_it_did_before(self):
        put(BOB, 20, 0)
        redis_client().expire(lists.key(BOB), 1000)
        writes.remove([20], [BOB])
        assert 0 < redis_client().ttl(lists.key(BOB)) <= 1000

    def test_a_list_with_a_floor_is_dropped_once_a_tenth_is_removed(self):
        put(BOB, *range(800, 0, -1))
        writes.remove([*range(100, 180)], [BOB])
        assert len(raw(BOB)) == 720
        writes.remove([200], [BOB])
        assert not reads.materialised([BOB])

    def test_so_is_an_authors_own_list(self):
        own = lists.key(ALICE, lists.authored("default"))
        redis_client().rpush(own, *range(800, 0, -1))
        for entries, left in [(range(80), 721), (range(80, 82), 0)]:
            writes.remove(list(entries), Audience([], author_id=ALICE))
            assert redis_client().llen(own) == left

    @pytest.mark.parametrize("last", [0, -7])
    def test_other_lists_are_never_dropped(self, last: int):
        put(BOB, *range(800, 0, -1), last)
        writes.remove([*range(1, 801)], [BOB])
        assert raw(BOB) == [last]

    def test_a_short_list_of_another_program_is_not_dropped(self):
        put(BOB, 30, 20, 10)
        writes.remove([20], [BOB])
        assert raw(BOB) == [30, 10]


class TestApplyFollow:
    def test_a_follow_adds_the_authors_entries(self):
        put(BOB, 30, 10, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[40, 30, 20, 5]
        )
        assert raw(BOB) == [40, 30, 20, 10, 5, 0]

    def test_it_adds_nothing_below_the_floor(self):
        put(BOB, 30, 10)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[20, 5]
        )
        assert raw(BOB) == [30, 20, 10]

    def test_an_unfollow_removes_them(self):
        put(BOB, 40, 30, 20, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=False, version=1, entries=[40, 20]
        )
        assert raw(BOB) == [30, 0]

    def test_an_older_version_does_not_undo_a_newer_one(self):
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

    def test_version_0_is_always_applied(self):
        """Servers that don't know versions send 0."""
        put(BOB, 30, 0)
        for version in (5, 0):
            writes.apply_follow(
                follower_id=BOB, author_id=ALICE, following=True, version=version, entries=[20]
            )
            writes.apply_follow(
                follower_id=BOB, author_id=ALICE, following=False, version=0, entries=[20]
            )
            assert raw(BOB) == [30, 0]

    def test_versions_of_different_pairs_are_independent(self):
        put(BOB, 30, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=CAROL, following=False, version=5, entries=[]
        )
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=4, entries=[20]
        )
        assert raw(BOB) == [30, 20, 0]

    def test_a_repetition_changes_nothing(self):
        put(BOB, 30, 0)
        for _ in range(2):
            writes.apply_follow(
                follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[20]
            )
        assert raw(BOB) == [30, 20, 0]

    @pytest.mark.parametrize("following", [False, True])
    def test_it_drops_a_list_being_built(self, following: bool):
        marker = writes.start_building(BOB)
        assert marker
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=following, version=1, entries=[20]
        )
        assert not reads.materialised([BOB])
        writes.finish_building(BOB, marker, [20, 10], is_complete=True)
        assert not reads.materialised([BOB])

    @pytest.mark.parametrize("following", [False, True])
    def test_without_entries_the_list_stays_as_it_is(self, following: bool):
        put(BOB, 10, 30, 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=following, version=1, entries=[]
        )
        assert raw(BOB) == [10, 30, 0]

    @pytest.mark.parametrize("following", [False, True])
    def test_without_entries_it_drops_a_list_being_built(self, following: bool):
        writes.start_building(BOB)
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

    def test_an_unfollow_does_not_drop_a_short_list_of_another_program(self):
        put(BOB, 30, 20, 10)
        hide(20)
        assert raw(BOB) == [30, 10]

    def test_a_full_list_keeps_800_and_loses_its_sentinel(self):
        put(BOB, *range(800, 0, -1), 0)
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[900]
        )
        assert raw(BOB) == [900, *range(800, 1, -1)]

    def test_it_creates_no_list(self):
        writes.apply_follow(
            follower_id=BOB, author_id=ALICE, following=True, version=1, entries=[20]
        )
        assert not reads.materialised([BOB])
