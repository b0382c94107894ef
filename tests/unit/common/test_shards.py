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


def test_everyone_has_one_and_none_has_many_more_than_another(count: int) -> None:
    groups = shards.group(IDS)
    assert list(groups) == list(shards.names())
    assert all(shards.of(id) == shard for shard, ids in groups.items() for id in ids)
    assert sorted(id for ids in groups.values() for id in ids) == sorted(IDS)
    assert all(abs(len(ids) - len(IDS) / count) < len(IDS) / 10 for ids in groups.values())


def test_a_further_one_takes_its_share_from_all_and_nobody_else_moves(
    count: int, settings: Settings
) -> None:
    before = {id: shards.of(id) for id in IDS}
    settings.FEED_SHARDS = [*settings.FEED_SHARDS, "new"]
    moved = {id for id in IDS if shards.of(id) != before[id]}
    assert {shards.of(id) for id in moved} == {"new"}
    assert {before[id] for id in moved} == set(before.values())
    assert len(moved) == pytest.approx(len(IDS) / (count + 1), rel=0.25)


def test_where_someone_is_does_not_change_with_a_release(settings: Settings) -> None:
    """Else every timeline would be read from where it isn't kept up."""
    settings.FEED_SHARDS = ["a", "b", "c", "d"]
    places = "".join(shards.of(number) for number in range(32))
    assert places == "aaddbbcaacccbaadcbccadcdbbaacbdd"


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
def test_a_list_of_servers_that_makes_no_sense_is_refused(
    redis_url: str, urls: str, message: str
) -> None:
    ended = run("manage.py", "check", environment={"REDIS_URL": redis_url, "FEED_REDIS_URLS": urls})
    said = ended.stderr.rpartition("FEED_REDIS_URLS: ")[2]
    assert message in said
    assert "word" not in said
    assert ended.returncode != 0
