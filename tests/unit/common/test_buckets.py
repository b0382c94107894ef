"""Token buckets behave the same in Redis and in a process without Redis."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.redis import buckets
from common.redis.buckets import (
    Bucket,
    LocalBuckets,
    Rate,
    give_back,
    take,
    token_buckets,
)
from common.redis.client import redis_client

ALICE = "alice@example.com"


@pytest.fixture(params=["redis", "local"])
def with_and_without_redis(request: pytest.FixtureRequest, empty_redis: None) -> Iterator[None]:
    token_buckets.reset(local_for=3600.0 if request.param == "local" else 0.0)
    yield
    token_buckets.reset()


def bucket(rate: str = "3/hour", owner: str = ALICE, scope: str = "read") -> Bucket:
    return Bucket(scope, owner, Rate.parse(rate))


@pytest.mark.parametrize("rate", ["1/s", "3/hour", "7/min", "600/min", "100000/day"])
@pytest.mark.usefixtures("with_and_without_redis")
def test_taking_a_token_leaves_one_less(rate: str) -> None:
    tokens = Rate.parse(rate).tokens
    left = [take([bucket(rate)]).left[0] for _ in range(min(3, tokens))]
    # at a high rate, a token may have come back in between
    assert all(tokens - n - 1 <= now <= tokens - n for n, now in enumerate(left))


@pytest.mark.usefixtures("with_and_without_redis")
def test_an_empty_bucket_names_the_wait_for_the_next_token() -> None:
    assert [take([bucket()]).tokens for _ in range(4)] == [1, 1, 1, 0]
    taken = take([bucket()])
    assert (taken.tokens, taken.left) == (0, (0,))
    assert 1190 < taken.wait <= 1200
    assert 3590 < taken.full_in[0] <= 3600


@pytest.mark.usefixtures("with_and_without_redis")
def test_a_bucket_fills_up_evenly() -> None:
    assert take([bucket("20/s")], 20).tokens == 20
    waited = threading.Event()
    while not (taken := take([bucket("20/s")])).tokens:
        assert 0 < taken.wait <= 0.05
        waited.wait(taken.wait)
    assert taken.left == (0,)


@pytest.mark.usefixtures("with_and_without_redis")
def test_taking_more_than_is_left_takes_what_is_left() -> None:
    assert take([bucket()], 2).tokens == 2
    assert take([bucket()], 20).tokens == 1


@pytest.mark.usefixtures("with_and_without_redis")
def test_returned_tokens_can_be_taken_again_up_to_the_size() -> None:
    take([bucket()], 3)
    give_back([bucket()], 2)
    assert take([bucket()], 20).tokens == 2
    give_back([bucket()], 20)
    assert take([bucket()], 20).tokens == 3


@pytest.mark.usefixtures("with_and_without_redis")
def test_tokens_come_from_all_buckets_or_from_none() -> None:
    small, large = bucket("1/hour", scope="small"), bucket("5/hour", scope="large")
    assert take([large, small]).tokens == 1
    refused = take([large, small])
    assert (refused.tokens, refused.left) == (0, (4, 0))
    assert refused.wait > 3500


@pytest.mark.usefixtures("with_and_without_redis")
def test_each_owner_and_scope_has_its_own_bucket() -> None:
    take([bucket()], 3)
    assert take([bucket(owner="bob@example.com")]).tokens == 1
    assert take([bucket(scope="write")]).tokens == 1


@pytest.mark.usefixtures("with_and_without_redis")
def test_concurrent_takers_never_get_the_same_token() -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: take([bucket("50/hour")]).tokens, range(100)))
    assert sum(taken) == 50


def test_a_full_bucket_has_no_key_and_another_one_expires(empty_redis: None) -> None:
    take([bucket()])
    key = bucket().key
    assert 1190 < redis_client().ttl(key) <= 1200
    give_back([bucket()])
    assert not redis_client().exists(key)


def test_redis_keys_do_not_show_the_owner(empty_redis: None) -> None:
    take([bucket(), bucket(owner="10.0.0.7")])
    keys = redis_client().keys("*")
    assert len(keys) == 2
    assert all(b"alice" not in key and b"10.0" not in key for key in keys)


@pytest.mark.parametrize("junk", ["x", "", "-5", "nan"])
def test_an_unreadable_value_counts_as_a_full_bucket(empty_redis: None, junk: str) -> None:
    redis_client().set(bucket().key, junk)
    assert take([bucket()]).tokens == 1


def test_a_clock_set_back_empties_a_bucket_for_one_period_at_most(empty_redis: None) -> None:
    redis_client().set(bucket().key, "1e999")
    assert 1190 < take([bucket()]).wait <= 1200


def test_a_key_of_another_type_makes_the_process_count_locally(empty_redis: None) -> None:
    token_buckets.reset()
    redis_client().lpush(bucket().key, "x")
    try:
        assert [take([bucket()]).tokens for _ in range(4)] == [1, 1, 1, 0]
    finally:
        token_buckets.reset()


def test_a_process_keeps_a_limited_number_of_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_LOCAL", 2)
    local = LocalBuckets()
    for name in ("alice", "bob", "carol"):
        local.change([bucket(owner=name)], 1)
    assert len(local) == 2


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "/min", "0/min", "-1/min", "3/week", "a/min", "1.5/s"]
)
def test_an_unreadable_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate: write 30/min"):
        Rate.parse(text)
