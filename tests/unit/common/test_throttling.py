"""Rate limits by user, by address and by route."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.urls import get_resolver
from pytest_django import Settings
from rest_framework.test import APIClient, APIRequestFactory

from accounts.models import User
from common.http import throttling
from common.http.throttling import LocalTokens, Throttle, client_address, local_tokens, rate_of
from common.redis.buckets import take, token_buckets
from tests.support.responses import assert_refused

SignIn = Callable[[User], APIClient]
Rates = Callable[..., None]


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.redis.client.redis_client", lambda _: redis.Redis(port=1))
    token_buckets.reset()


def limits(answer: Any) -> tuple[str, ...]:
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Policy")
    return tuple(answer[name] for name in names)


def test_answers_say_how_many_requests_are_left_and_when_to_retry(
    api: APIClient, rates: Rates, db: None
) -> None:
    rates(read="3/hour")
    answers = [api.get("/hello", headers={"authorization": ""}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 401]  # refused before the throttle

    answers = [api.get("/users/1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert [limits(answer) for answer in answers] == [
        ("3", left, "3;w=3600") for left in ("2", "1", "0", "0")
    ]
    assert all(0 < int(answer["RateLimit-Reset"]) <= 3600 for answer in answers)
    assert_refused(answers[3], 429)
    assert 1190 < int(answers[3]["Retry-After"]) <= 1200
    assert "Retry-After" not in answers[2]


def test_a_user_is_counted_by_account_from_all_addresses(
    sign_in: SignIn, alice: User, bob: User, rates: Rates
) -> None:
    rates(read="3/hour")
    client, other = sign_in(alice), sign_in(bob)
    assert [client.get("/hello", REMOTE_ADDR=f"10.0.0.{n}").status_code for n in range(4)] == [
        200, 200, 200, 429,
    ]  # fmt: skip
    assert other.get("/hello").status_code == 200


def test_requests_without_a_token_are_counted_by_address(
    api: APIClient, sign_in: SignIn, alice: User, rates: Rates
) -> None:
    rates(read="2/hour")
    assert [api.get("/users/1").status_code for _ in range(3)] == [404, 404, 429]
    assert api.get("/users/1", REMOTE_ADDR="10.0.0.7").status_code == 404
    assert sign_in(alice).get("/users/1").status_code == 404


def test_each_kind_of_route_has_its_own_rate(sign_in: SignIn, alice: User, rates: Rates) -> None:
    rates(read="1/hour", search="2/hour", write="3/hour", tweet="4/hour", login="5/hour")
    client = sign_in(alice)
    wrong = {"password": "pass124", "new_password": "pass1234"}
    answers = {
        "1": client.get("/feed"),
        "2": client.get("/search?q=snow"),
        "3": client.patch("/users/me", {"bio": "Writes."}),
        "4": client.post("/tweet", {"content": "The first snow."}),
        "5": client.post("/users/me/password", wrong),
    }
    assert {limit: answer["RateLimit-Limit"] for limit, answer in answers.items()} == {
        limit: limit for limit in answers
    }


def test_all_requests_of_an_address_are_counted_together(
    api: APIClient, sign_in: SignIn, alice: User, rates: Rates
) -> None:
    rates()
    client = sign_in(alice)
    rates(address="3/hour")
    assert client.get("/hello").status_code == 200
    assert api.get("/nowhere").status_code == 404
    assert api.get("/").status_code == 200
    for answer in (client.get("/hello"), api.get("/nowhere"), api.get("/")):
        assert_refused(answer, 429)
        assert 1190 < int(answer["Retry-After"]) <= 1200
        assert limits(answer) == ("3", "0", "3;w=3600")
    assert client.get("/hello", REMOTE_ADDR="10.0.0.7").status_code == 200


@pytest.mark.parametrize("scope", ["address", "read"])
def test_all_requests_of_an_ipv6_network_are_counted_together(
    api: APIClient, db: None, rates: Rates, scope: str
) -> None:
    """A /48 network gets ten times the rate of an address."""
    rates(**{scope: "2/hour"})
    from_one = [api.get("/users/1", REMOTE_ADDR="2001:db8:1:5::1").status_code for _ in range(3)]
    assert from_one == [404, 404, 429]
    from_many = [
        api.get("/users/1", REMOTE_ADDR=f"2001:db8:1:{n:x}::1").status_code for n in range(10, 30)
    ]
    assert from_many == [404] * 18 + [429] * 2
    assert api.get("/users/1", REMOTE_ADDR="2001:db8:2::1").status_code == 404


@pytest.mark.parametrize("forwarded", ["x/64", "::/64", "2001:db8::/64"])
def test_an_unreadable_address_is_counted_too(
    api: APIClient, db: None, rates: Rates, settings: Settings, forwarded: str
) -> None:
    settings.NUM_PROXIES = 1
    rates(address="2/hour", read="2/hour")
    headers = {"x-forwarded-for": forwarded}
    answers = [api.get("/users/1", headers=headers).status_code for _ in range(3)]
    assert answers == [404, 404, 429]


def test_probes_are_not_counted(api: APIClient, db: None, rates: Rates) -> None:
    rates(address="1/hour", read="1/hour")
    assert [api.get(path).status_code for path in ("/health", "/ready") * 2] == [200] * 4


def test_without_redis_each_process_counts_for_itself(
    sign_in: SignIn, alice: User, rates: Rates, request: pytest.FixtureRequest
) -> None:
    rates()
    client = sign_in(alice)
    client.get("/hello")  # revocations are read
    rates(read="3/hour")
    request.getfixturevalue("without_redis")
    assert [client.get("/hello").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_most_requests_are_counted_without_a_round_trip(
    sign_in: SignIn, alice: User, rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates()
    client = sign_in(alice)
    rates(read="600/hour", address="6000/hour")
    batches = []

    def count(*args: Any) -> Any:
        batches.append(args)
        return take(*args)

    monkeypatch.setattr(throttling, "take", count)
    left = [int(client.get("/hello")["RateLimit-Remaining"]) for _ in range(40)]
    assert left == list(range(599, 559, -1))
    assert len(batches) == 3  # twice 30 tokens for the user, and 100 for the address


def test_processes_share_one_bucket(rates: Rates) -> None:
    rates(read="100/hour")
    rate = rate_of("read")
    assert rate
    processes = [LocalTokens(), LocalTokens(), LocalTokens()]
    passed = [
        process
        for n in range(200)
        if not (process := processes[n % 3]).spend("read", "alice", rate).wait
    ]
    assert len(passed) == 100
    assert len(set(map(id, passed))) == 3


def test_refused_requests_do_not_reach_redis(rates: Rates, monkeypatch: pytest.MonkeyPatch) -> None:
    rates(read="1/hour")
    rate = rate_of("read")
    assert rate
    local_tokens.spend("read", "alice", rate)
    local_tokens.spend("read", "alice", rate)
    monkeypatch.setattr(throttling, "take", None)
    assert local_tokens.spend("read", "alice", rate).wait == 3600


def test_every_route_is_counted() -> None:
    """The routes named here are counted by address only."""
    free = {
        str(pattern.pattern)
        for pattern in routes(get_resolver())
        if Throttle not in getattr(getattr(pattern.callback, "cls", None), "throttle_classes", ())
    }
    assert {route for route in free if not route.startswith("admin")} == {
        "", "docs", "schema", "health", "ready", "static/<path:path>",
    }  # fmt: skip


def routes(resolver: Any) -> Any:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            if not str(pattern.pattern).startswith("admin"):
                yield from routes(pattern)
        else:
            yield pattern


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.2.3.4", "10.0.0.1"),
        (1, "1.2.3.4", "1.2.3.4"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the client wrote the first one
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (1, None, "10.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2::1", "2001:db8:1:2::/64"),
        (1, "::ffff:1.2.3.4", "1.2.3.4"),
        (
            1,
            "1.2.3.4:5678",
            "1.2.3.4",
        ),  # some proxies add the port, which varies
        (1, "[2001:db8:1:2::1]:5678", "2001:db8:1:2::/64"),
        (1, "x" * 10_000, "?" + "x" * 64),
    ],
)
def test_a_client_does_not_choose_its_address(
    settings: Settings, proxies: int, forwarded: str | None, address: str
) -> None:
    settings.NUM_PROXIES = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = APIRequestFactory().get("/", headers=headers, REMOTE_ADDR="10.0.0.1")
    assert client_address(request) == address
