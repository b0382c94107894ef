import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from common.ids import new_id
from grpc_services.generated import tweet_service_pb2 as pb
from grpc_services.generated.tweet_service_pb2_grpc import TweetStub
from tests.support.people import Member, expect, follow, post_tweet, register
from tests.support.system import System

pytestmark = pytest.mark.integration


async def _read_feed(http: AsyncClient, reader: Member, **query: Any) -> dict[str, Any]:
    feed: dict[str, Any] = expect(
        200, await http.get("/feed", params=query, headers=reader.headers)
    )
    return feed


def _ids(feed: dict[str, Any]) -> list[str]:
    return [tweet["id"] for tweet in feed["tweets"]]


async def test_feed_reads_from_redis(
    http: AsyncClient, alice: Member, bob: Member, timelines: Any
) -> None:
    """Bob follows no one, so his feed can only come from his list in Redis."""
    tweets = [(await post_tweet(http, alice, f"number {n}"))["id"] for n in range(3)]
    timelines.lpush(f"feed:{bob.id}", *tweets)

    feed = await _read_feed(http, bob)

    assert feed["count"] == 3
    assert _ids(feed) == tweets[::-1]

    timelines.lpop(f"feed:{bob.id}")
    assert _ids(await _read_feed(http, bob)) == tweets[1::-1]

    timelines.delete(f"feed:{bob.id}")
    timelines.lpush(f"feed:{bob.id}", str(new_id()), str(new_id()), "tweet-3")
    feed = await _read_feed(http, bob)
    assert feed["count"] == 3
    assert feed["tweets"] == []  # none of them exists


async def test_feed_hydrates_tweets_via_grpc(
    http: AsyncClient,
    alice: Member,
    bob: Member,
    timelines: Any,
    tweet_service: TweetStub,
    system: System,
) -> None:
    tweet_id = (await post_tweet(http, alice, "The first snow."))["id"]
    expect(200, await http.post(f"/tweet/{tweet_id}/like", headers=bob.headers))
    timelines.lpush(f"feed:{bob.id}", tweet_id)

    # No answer while the gRPC server of tweets pauses, so the feed asks that server.
    with system.tweets_server.paused():
        reading = asyncio.create_task(_read_feed(http, bob))
        await asyncio.wait([reading], timeout=0.5)
        assert not reading.done()

    [shown] = (await reading)["tweets"]
    request = pb.GetTweetsReq(tweet_ids=[tweet_id], viewer_id=bob.id)
    [tweet] = tweet_service.GetTweets(request).tweets
    assert (shown["id"], shown["content"], shown["num_likes"], shown["liked"]) == (
        tweet.id,
        tweet.content,
        tweet.num_likes,
        tweet.liked,
    )
    assert shown["author"]["username"] == alice.username


async def test_feed_pagination(
    http: AsyncClient, alice: Member, bob: Member, timelines: Any
) -> None:
    tweets = [(await post_tweet(http, alice, f"number {n}"))["id"] for n in range(5)]
    timelines.lpush(f"feed:{bob.id}", *tweets)

    pages = [await _read_feed(http, bob, limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [page["count"] for page in pages] == [2, 2, 1, 0]
    assert [(page["limit"], page["offset"]) for page in pages] == [(2, 0), (2, 2), (2, 4), (2, 6)]
    newest_first = tweets[::-1]
    assert [_ids(page) for page in pages] == [newest_first[:2], newest_first[2:4], tweets[:1], []]

    # a page by cursor does not shift when a tweet arrives
    timelines.lpush(f"feed:{bob.id}", (await post_tweet(http, alice, "number 5"))["id"])
    second = await _read_feed(http, bob, limit=2, cursor=pages[0]["next"])
    assert _ids(second) == newest_first[2:4]

    for query in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"cursor": "made up"}):
        expect(400, await http.get("/feed", params=query, headers=bob.headers))


async def test_empty_feed_for_new_user(http: AsyncClient, bob: Member) -> None:
    feed = await _read_feed(http, bob)

    assert feed == {"tweets": [], "count": 0, "limit": 50, "offset": 0, "next": None}


async def test_feed_order_is_newest_first(
    http: AsyncClient, alice: Member, bob: Member, timelines: Any
) -> None:
    dave = await register(http)
    await follow(http, bob, alice)
    await follow(http, bob, dave)
    posted = [
        (await post_tweet(http, author, f"number {n}"))["id"]
        for n, author in enumerate([alice, dave, dave, alice, dave])
    ]

    built = await _read_feed(http, bob)

    assert _ids(built) == posted[::-1]
    times = [tweet["created_at"] for tweet in built["tweets"]]
    assert times == sorted(times, reverse=True)

    # fan-out may push tweets in another order than they were posted
    timelines.delete(f"feed:{bob.id}")
    timelines.lpush(f"feed:{bob.id}", *(posted[n] for n in (2, 0, 1, 4, 3)))
    assert _ids(await _read_feed(http, bob)) == posted[::-1]
