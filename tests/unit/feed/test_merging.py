"""Pages merged from a timeline and pulled authors' lists: the script compared with `reads.join`."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from common.ids import MAX_ID
from common.redis.client import redis_client
from feed import keys, lists, pulling, reads, writes
from feed.pipeline import Audience
from feed.reads import Timeline
from tests.support.lists import put, raw

SHARD = "default"
AUTHORED = lists.authored(SHARD)
BOB = 102
AUTHORS = [201, 202, 203, 204]
_FIRST_ID = 10**18


@pytest.fixture
def pulled() -> None:
    """Bob follows all of the authors, and `pulls:` caches that."""
    for author_id in AUTHORS:
        pulling.start(SHARD, author_id, "")
    version: Any = redis_client().hget(keys.PULLED, "version")
    known = " ".join(map(str, AUTHORS))
    redis_client().set(keys.pulls(BOB), f"{version.decode()}:{known}")


def fill(draw: random.Random) -> Timeline:
    """Fills lists of random lengths that share some entries. Returns the joined lists."""
    made = []
    for owner_id, kind in [(BOB, lists.TIMELINE), *((id, AUTHORED) for id in AUTHORS)]:
        length = draw.choice([0, 1, 2, 10, 100, 300])
        ids = sorted((_FIRST_ID + n for n in draw.sample(range(2000), length)), reverse=True)
        is_complete = not ids or draw.random() < 0.5
        put(owner_id, *ids, *([0] if is_complete else []), kind=kind)
        made.append(Timeline(ids, is_complete))
    return reads.join(made)


def read(**where: int) -> reads.Part:
    part = reads.read_part(BOB, **where)
    assert part is not None
    return part


def pages(limit: int) -> Iterator[tuple[int, reads.Part]]:
    """The pages by cursor to the end of the lists, each with the id that it begins below."""
    before = MAX_ID
    while True:
        part = read(before_id=before, limit=limit)
        yield before, part
        if not part.has_more:
            return
        before = part.entries[-1]


@pytest.mark.usefixtures("pulled")
@pytest.mark.parametrize("seed", range(40))
def test_pages_equal_the_joined_lists(seed: int) -> None:
    draw = random.Random(seed)
    expected = fill(draw)
    limit = draw.choice([1, 2, 7, 50])
    for before, part in pages(limit):
        below = [id for id in expected.ids if id < before]
        assert list(part.entries) == below[:limit]
        assert part.has_more == (len(below) > limit)
        assert part.has_more or part.is_complete == expected.is_complete
    for offset in (0, 5, 60, 500):
        part = read(offset=offset, limit=limit)
        assert list(part.entries) == expected.ids[offset : offset + limit]
        assert part.has_more == (len(expected.ids) > offset + limit)
        assert part.has_more or part.is_complete == expected.is_complete


@pytest.mark.usefixtures("pulled")
class TestListsThatPythonRepairs:
    @pytest.fixture(autouse=True)
    def lists(self) -> None:
        put(BOB, 5, 0)
        for author_id in AUTHORS:
            put(author_id, author_id, 0, kind=AUTHORED)

    def test_a_page_of_intact_lists_is_read_by_the_script(self) -> None:
        assert list(read(limit=10).entries) == [204, 203, 202, 201, 5]

    def test_a_missing_list(self) -> None:
        writes.forget(AUTHORS[0], AUTHORED)
        assert reads.read_part(BOB, limit=10) is None

    def test_a_list_being_built(self) -> None:
        put(AUTHORS[0], 300, -1, kind=AUTHORED)
        assert reads.read_part(BOB, limit=10) is None

    def test_a_list_of_another_type(self) -> None:
        redis_client().set(lists.key(AUTHORS[0], AUTHORED), "a string")
        assert reads.read_part(BOB, limit=10) is None
        assert reads.read_part(BOB, before_id=100, limit=10) is None

    def test_a_list_with_an_element_that_is_no_id(self) -> None:
        put(AUTHORS[0], 301, "tweet-3", 300, 0, kind=AUTHORED)
        assert reads.read_part(BOB, limit=10) is None

    def test_a_list_out_of_order_is_sorted(self) -> None:
        put(AUTHORS[0], 300, 302, 301, 0, kind=AUTHORED)
        assert reads.read_part(BOB, limit=10) is None
        assert raw(AUTHORS[0], AUTHORED) == [302, 301, 300, 0]
        assert reads.read_part(BOB, limit=10) is not None


def test_pushes_keep_an_authors_own_list_in_order() -> None:
    put(AUTHORS[0], 10, 0, kind=AUTHORED)
    for entry in (30, 20, 40, 20):
        writes.push(entry, AUTHORS[0], Audience([], author_id=AUTHORS[0]))
    assert raw(AUTHORS[0], AUTHORED) == [40, 30, 20, 10, 0]
