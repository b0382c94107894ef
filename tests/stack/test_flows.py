"""The user, tweet, feed and search flows and the README's session, over the network."""

import httpx
import pytest

from tests.stack.conftest import Stack, read_feed
from tests.support.conditions import eventually
from tests.support.people import (
    Identity,
    Member,
    expect,
    follow,
    post_tweet,
    register,
    search,
    unique_word,
)
from tests.support.readme_session import run_session

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.every_topology]


async def test_the_user_flow(http: httpx.AsyncClient) -> None:
    identity = Identity()
    await register(http, identity)
    expect(409, await http.post("/users/register", json=identity.body))
    body = {"email": identity.email, "password": identity.password}
    session = expect(200, await http.post("/users/login", json=body))
    alice = Member(session["user"]["id"], identity.username, session["token"])
    bob = await register(http)
    hello = expect(200, await http.get("/hello", headers=alice.headers))
    assert hello == {"message": f"Hello, {identity.username}"}

    await follow(http, bob, alice)
    assert await follow_counts(http, alice) == (1, 0)
    assert await follow_counts(http, bob) == (0, 1)

    expect(204, await http.delete(f"/follow/{alice.id}", headers=bob.headers))
    assert await follow_counts(http, alice) == (0, 0)
    assert await follow_counts(http, bob) == (0, 0)


async def test_the_tweet_flow(http: httpx.AsyncClient) -> None:
    alice, bob = await register(http), await register(http)
    tweet = await post_tweet(http, alice, "The first snow.")
    path = f"/tweet/{tweet['id']}"

    for action, counter in (("like", "num_likes"), ("repost", "num_reposts")):
        answer = await http.post(f"{path}/{action}", headers=bob.headers)
        assert expect(200, answer)["tweet"][counter] == 1
        answer = await http.delete(f"{path}/{action}", headers=bob.headers)
        assert expect(200, answer)["tweet"][counter] == 0
    body = {"content": "And ice."}
    reply = expect(200, await http.post(f"{path}/reply", json=body, headers=bob.headers))["tweet"]
    assert reply["parent_id"] == tweet["id"]

    shown = expect(200, await http.get(path))
    assert shown["tweet"]["author"]["username"] == alice.username
    assert [reply["id"] for reply in shown["replies"]] == [reply["id"]]
    listed = expect(200, await http.get(f"/users/{alice.username}/tweets"))["tweets"]
    assert [tweet["id"] for tweet in listed] == [tweet["id"]]

    async def is_counted() -> bool:
        user = expect(200, await http.get(f"/users/{alice.username}"))["user"]
        return bool(user["num_tweets"] == 1)

    await eventually(is_counted)  # after the relay, the worker and a gRPC call
    expect(403, await http.delete(path, headers=bob.headers))
    expect(200, await http.delete(path, headers=alice.headers))
    expect(404, await http.get(path))


async def test_the_feed_flow(http: httpx.AsyncClient) -> None:
    alice, bob, carol = [await register(http) for _ in range(3)]
    assert await read_feed(http, bob) == []
    await follow(http, bob, alice)
    ids = [(await post_tweet(http, alice, f"Day {day}."))["id"] for day in range(3)]
    newest_first = ids[::-1]

    async def has_all() -> bool:
        return await read_feed(http, bob) == newest_first

    await eventually(has_all)
    assert await read_feed(http, bob, limit=2) == newest_first[:2]
    assert await read_feed(http, bob, limit=2, offset=2) == newest_first[2:]
    assert await read_feed(http, carol) == []


async def test_the_search_flow(http: httpx.AsyncClient) -> None:
    alice, word = await register(http), unique_word()
    tweet = await post_tweet(http, alice, f"The first snow #{word}")
    [found] = await eventually(lambda: search(http, alice, word))
    assert found["id"] == tweet["id"]
    assert found["author"]["username"] == alice.username
    expect(200, await http.delete(f"/tweet/{tweet['id']}", headers=alice.headers))
    assert await search(http, alice, word) == []


def test_the_readmes_session(stack: Stack) -> None:
    run_session(stack.address)


async def follow_counts(http: httpx.AsyncClient, member: Member) -> tuple[int, int]:
    """The numbers of followers and of followed accounts."""
    user = expect(200, await http.get(f"/users/{member.id}"))["user"]
    return user["num_followers"], user["num_following"]
