from typing import Any

import pytest
from elasticsearch import Elasticsearch
from httpx import AsyncClient

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

pytestmark = pytest.mark.e2e


async def test_tweet_appears_in_follower_feed(
    users_client: AsyncClient,
    tweets_client: AsyncClient,
    feed_client: AsyncClient,
    timelines: Any,
) -> None:
    alice, bob, carol = [await register(users_client) for _ in range(3)]
    await follow(users_client, bob, alice)
    for reader in (alice, bob, carol):  # materialises their timelines
        assert await _read_feed(feed_client, reader) == []

    tweet_id = (await post_tweet(tweets_client, alice, "The first snow."))["id"]

    async def is_pushed() -> bool:
        return tweet_id in timelines.lrange(f"feed:{bob.id}", 0, -1)

    await eventually(is_pushed)
    [shown] = await _read_feed(feed_client, bob)
    assert shown["id"] == tweet_id
    assert shown["content"] == "The first snow."
    assert shown["author"]["username"] == alice.username
    assert [tweet["id"] for tweet in await _read_feed(feed_client, alice)] == [tweet_id]
    assert await _read_feed(feed_client, carol) == []


async def test_tweet_indexed_for_search(
    users_client: AsyncClient,
    tweets_client: AsyncClient,
    feed_client: AsyncClient,
    index: Elasticsearch,
) -> None:
    alice, bob = [await register(users_client) for _ in range(2)]
    word = unique_word()

    tweet = await post_tweet(tweets_client, alice, f"The first snow #{word}")
    [found] = await eventually(lambda: search(feed_client, bob, word))
    assert found["id"] == tweet["id"]
    assert found["content"] == tweet["content"]
    assert found["author"]["username"] == alice.username
    document = index.get(index="tweets", id=tweet["id"])["_source"]
    assert document["user_id"] == alice.id
    assert document["hashtags"] == [word]

    path = f"/tweet/{tweet['id']}"
    expect(200, await tweets_client.delete(path, headers=alice.headers))
    assert await search(feed_client, bob, word) == []


async def test_user_signup_to_first_tweet(
    users_client: AsyncClient, tweets_client: AsyncClient, feed_client: AsyncClient
) -> None:
    identity = Identity()
    await register(users_client, identity)
    body = {"email": identity.email, "password": identity.password}
    session = expect(200, await users_client.post("/users/login", json=body))
    alice = Member(session["user"]["id"], session["user"]["username"], session["token"])
    hello = expect(200, await users_client.get("/hello", headers=alice.headers))
    assert hello == {"message": f"Hello, {identity.username}"}

    tweet = await post_tweet(tweets_client, alice, "My first tweet.")

    own = expect(200, await tweets_client.get("/tweet", headers=alice.headers))
    assert [shown["id"] for shown in own["tweets"]] == [tweet["id"]]
    public = expect(200, await tweets_client.get(f"/users/{alice.username}/tweets"))
    assert [shown["id"] for shown in public["tweets"]] == [tweet["id"]]
    assert [shown["id"] for shown in await _read_feed(feed_client, alice)] == [tweet["id"]]

    async def is_counted() -> bool:
        profile = expect(200, await users_client.get(f"/users/{alice.username}"))
        return bool(profile["user"]["num_tweets"] == 1)

    await eventually(is_counted)


async def test_follow_unfollow_updates_counts(
    users_client: AsyncClient, tweets_client: AsyncClient, feed_client: AsyncClient
) -> None:
    alice, bob = [await register(users_client) for _ in range(2)]
    tweet = await post_tweet(tweets_client, alice, "The first snow.")
    assert await _read_feed(feed_client, bob) == []

    await follow(users_client, bob, alice)

    assert await _follow_counts(users_client, alice) == (1, 0)
    assert await _follow_counts(users_client, bob) == (0, 1)

    async def sees_alice() -> bool:
        return [shown["id"] for shown in await _read_feed(feed_client, bob)] == [tweet["id"]]

    await eventually(sees_alice)

    expect(204, await users_client.delete(f"/follow/{alice.id}", headers=bob.headers))

    assert await _follow_counts(users_client, alice) == (0, 0)
    assert await _follow_counts(users_client, bob) == (0, 0)

    async def sees_nothing() -> bool:
        return await _read_feed(feed_client, bob) == []

    await eventually(sees_nothing)


async def _read_feed(feed_client: AsyncClient, reader: Member) -> list[dict[str, Any]]:
    answer = expect(200, await feed_client.get("/feed", headers=reader.headers))
    tweets: list[dict[str, Any]] = answer["tweets"]
    return tweets


async def _follow_counts(users_client: AsyncClient, member: Member) -> tuple[int, int]:
    """Numbers of followers and of followed accounts."""
    user = expect(200, await users_client.get(f"/users/{member.id}"))["user"]
    return user["num_followers"], user["num_following"]
