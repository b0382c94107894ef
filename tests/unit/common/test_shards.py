"""The assignment of users to shards."""

import pytest
from pytest_django import Settings

from common.ids import new_ids
from common.redis import shards
from tests.support.commands import run

IDS = new_ids(2000)


@pytest.fixture(params=[1, 2, 3, 8])
def count(request: pytest.FixtureRequest, settings: Settings) -> int:
    settings.FEED_SHARDS = [f"feed{number}" for number in range(request.param)]
    return int(request.param)


def test_users_are_assigned_evenly(count: int) -> None:
    groups = shards.group(IDS)
    assert list(groups) == list(shards.names())
    assert all(shards.of(id) == shard for shard, ids in groups.items() for id in ids)
    assert sorted(id for ids in groups.values() for id in ids) == sorted(IDS)
    assert all(abs(len(ids) - len(IDS) / count) < len(IDS) / 10 for ids in groups.values())


def test_a_new_shard_takes_an_even_share_from_all_others(count: int, settings: Settings) -> None:
    before = {id: shards.of(id) for id in IDS}
    settings.FEED_SHARDS = [*settings.FEED_SHARDS, "new"]
    moved = {id for id in IDS if shards.of(id) != before[id]}
    assert {shards.of(id) for id in moved} == {"new"}
    assert {before[id] for id in moved} == set(before.values())
    assert len(moved) == pytest.approx(len(IDS) / (count + 1), rel=0.25)


def test_the_assignment_never_changes(settings: Settings) -> None:
    """A changed assignment would read every timeline from the wrong shard."""
    settings.FEED_SHARDS = ["a", "b", "c", "d"]
    assigned = "".join(shards.of(number) for number in range(32))
    assert assigned == "aaddbbcaacccbaadcbccadcdbbaacbdd"


@pytest.mark.parametrize(
    ("redis_url", "urls", "message"),
    [
        ("", "redis://127.0.0.1:1/1", "needs a REDIS_URL"),
        ("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1,http://:word@it", "number 2 is no redis"),
        (
            "redis://127.0.0.1:1/0",
            "redis://127.0.0.1:1/1, redis://127.0.0.1:1/1",
            "2 is listed twice",
        ),
    ],
)
def test_an_invalid_list_of_shards_is_refused(redis_url: str, urls: str, message: str) -> None:
    ended = run("manage.py", "check", environment={"REDIS_URL": redis_url, "FEED_REDIS_URLS": urls})
    said = ended.stderr.rpartition("FEED_REDIS_URLS: ")[2]
    assert message in said
    assert "word" not in said
    assert ended.returncode != 0
