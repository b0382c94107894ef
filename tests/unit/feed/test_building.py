"""Building lists while entries arrive and other builders are at work."""

import pytest

from feed import reads, writes
from feed.lists import SLACK
from feed.reads import Timeline
from tests.support.lists import put, raw

ALICE, BOB, CAROL = 101, 102, 103


def begin(user_id: int) -> bytes:
    marker = writes.start_building(user_id)
    assert marker is not None
    return marker


def test_entries_that_arrive_during_a_build_are_kept():
    marker = begin(BOB)
    writes.push(30, ALICE, [BOB])
    writes.finish_building(BOB, marker, [20, 10], is_complete=True)
    assert raw(BOB) == [30, 20, 10, 0]


@pytest.mark.parametrize("last", [0, 10])
def test_an_existing_list_is_not_built(last: int):
    put(BOB, 30, last)
    writes.finish_building(BOB, begin(BOB), [20], is_complete=True)
    assert raw(BOB) == [30, last]


def test_two_concurrent_builds_make_one_list():
    first, second = begin(BOB), begin(BOB)
    writes.finish_building(BOB, second, [20, 10], is_complete=True)
    writes.finish_building(BOB, first, [20], is_complete=True)
    assert raw(BOB) == [20, 10, 0]


def test_an_older_build_does_not_finish_a_newer_one():
    older = begin(BOB)
    writes.forget(BOB)
    newer = begin(BOB)
    writes.finish_building(BOB, older, [20], is_complete=True)
    assert reads.read(BOB) is None
    writes.finish_building(BOB, newer, [30], is_complete=True)
    assert raw(BOB) == [30, 0]


def test_the_next_builder_finishes_after_one_that_died():
    begin(BOB)
    writes.push(30, ALICE, [BOB])
    writes.finish_building(BOB, begin(BOB), [20], is_complete=True)
    assert raw(BOB) == [30, 20, 0]


@pytest.mark.parametrize("add", [writes.push, writes.insert])
def test_a_list_that_grows_too_long_during_a_build_is_dropped(add):
    put(BOB, *range(800 + SLACK, 0, -1), -7)
    add(2000, ALICE, [BOB])
    assert not reads.materialised([BOB])


def test_a_list_that_is_not_complete_has_no_sentinel():
    writes.finish_building(BOB, begin(BOB), list(range(800, 0, -1)), is_complete=False)
    assert reads.read(BOB) == Timeline(list(range(800, 0, -1)), is_complete=False)


def test_a_built_list_can_be_empty():
    writes.finish_building(BOB, begin(BOB), [], is_complete=True)
    assert raw(BOB) == [0]
    assert reads.materialised([ALICE, BOB]) == [BOB]
