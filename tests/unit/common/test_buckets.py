"""Token buckets: the same in Redis, shared by all processes, and in a process without Redis."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.redis import buckets
from common.redis.buckets import Bucket, Rate, give_back, take
from common.redis.client import redis_client

ALICE = "alice@example.com"


@pytest.fixture(params=["redis", "local"])
def anywhere(request: pytest.FixtureRequest, empty_redis: None) -> Iterator[None]:
    """With Redis, and without."""
    buckets._local._full_at.clear()
    buckets._outage.until = float("inf") if request.param == "local" else float("-inf")
    yield
    buckets._outage.until = float("-inf")


def bucket(rate: str = "3/hour", owner: str = ALICE, scope: str = "read") -> Bucket:
    return Bucket(scope, owner, Rate.parse(rate))


@pytest.mark.parametrize("rate", ["1/s", "3/hour", "7/min", "600/min", "100000/day"])
@pytest.mark.usefixtures("anywhere")
def test_each_token_taken_is_one_less(rate: str) -> None:
    tokens = Rate.parse(rate).tokens
    left = [take([bucket(rate)]).left[0] for _ in range(min(3, tokens))]
    # a whole one may have come back meanwhile where they are many
    assert all(tokens - n - 1 <= now <= tokens - n for n, now in enumerate(left))


@pytest.mark.usefixtures("anywhere")
def test_an_empty_bucket_says_when_there_is_one_again() -> None:
    assert [take([bucket()]).tokens for _ in range(4)] == [1, 1, 1, 0]
    taken = take([bucket()])
    assert (taken.tokens, taken.left) == (0, (0,))
    assert 1190 < taken.wait <= 1200
    assert 3590 < taken.full_in[0] <= 3600


@pytest.mark.usefixtures("anywhere")
def test_it_fills_up_evenly() -> None:
    assert take([bucket("20/s")], 20).tokens == 20
    waited = threading.Event()
    while not (taken := take([bucket("20/s")])).tokens:
        assert 0 < taken.wait <= 0.05
        waited.wait(taken.wait)
    assert taken.left == (0,)


@pytest.mark.usefixtures("anywhere")
def test_it_gives_what_there_is() -> None:
    assert take([bucket()], 2).tokens == 2
    assert take([bucket()], 20).tokens == 1


@pytest.mark.usefixtures("anywhere")
def test_what_is_given_back_can_be_taken_again_and_no_more() -> None:
    take([bucket()], 3)
    give_back([bucket()], 2)
    assert take([bucket()], 20).tokens == 2
    give_back([bucket()], 20)
    assert take([bucket()], 20).tokens == 3


@pytest.mark.usefixtures("anywhere")
def test_of_several_buckets_all_give_or_none() -> None:
    small, large = bucket("1/hour", scope="small"), bucket("5/hour", scope="large")
    assert take([large, small]).tokens == 1
    refused = take([large, small])
    assert (refused.tokens, refused.left) == (0, (4, 0))
    assert refused.wait > 3500


@pytest.mark.usefixtures("anywhere")
def test_owners_and_scopes_have_buckets_of_their_own() -> None:
    take([bucket()], 3)
    assert take([bucket(owner="bob@example.com")]).tokens == 1
    assert take([bucket(scope="write")]).tokens == 1


@pytest.mark.usefixtures("anywhere")
def test_of_many_who_take_at_once_no_two_get_the_same_token() -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: take([bucket("50/hour")]).tokens, range(100)))
    assert sum(taken) == 50


def test_a_full_bucket_is_no_key_and_a_taken_one_expires(empty_redis: None) -> None:
    take([bucket()])
    key = bucket().key
    assert 1190 < redis_client().ttl(key) <= 1200
    give_back([bucket()])
    assert not redis_client().exists(key)


def test_no_owner_stands_in_redis(empty_redis: None) -> None:
    take([bucket(), bucket(owner="10.0.0.7")])
    keys = redis_client().keys("*")
    assert len(keys) == 2
    assert all(b"alice" not in key and b"10.0" not in key for key in keys)


@pytest.mark.parametrize("junk", ["x", "", "-5", "nan"])
def test_junk_in_its_place_is_a_full_bucket(empty_redis: None, junk: str) -> None:
    redis_client().set(bucket().key, junk)
    assert take([bucket()]).tokens == 1


def test_a_clock_that_was_put_back_empties_a_bucket_for_its_period_at_most(
    empty_redis: None,
) -> None:
    redis_client().set(bucket().key, "1e999")
    assert 1190 < take([bucket()]).wait <= 1200


def test_a_value_of_another_type_does_not_stop_the_count(empty_redis: None) -> None:
    buckets._local._full_at.clear()
    redis_client().lpush(bucket().key, "x")
    try:
        assert [take([bucket()]).tokens for _ in range(4)] == [1, 1, 1, 0]
    finally:
        buckets._outage.until = float("-inf")


def test_a_process_keeps_no_more_buckets_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_MOST_LOCAL", 2)
    monkeypatch.setattr(buckets._outage, "until", float("inf"))
    for name in ("alice", "bob", "carol"):
        take([bucket(owner=name)])
    assert len(buckets._local._full_at) == 2


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "/min", "0/min", "-1/min", "3/week", "a/min", "1.5/s"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate: write 30/min"):
        Rate.parse(text)
