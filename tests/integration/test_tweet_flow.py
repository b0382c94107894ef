import pytest
from httpx import AsyncClient

from deploy.local.conditions import wait_until
from deploy.local.processes import Process
from grpc_services.generated import user_service_pb2 as pb
from grpc_services.generated.user_service_pb2_grpc import UserStub
from tests.support.clients import Query, Queue
from tests.support.people import Member, expect, post_tweet

pytestmark = pytest.mark.integration


async def test_create_tweet_persists_to_db(
    http: AsyncClient, alice: Member, tweets_db: Query
) -> None:
    answer = expect(
        200, await http.post("/tweet", json={"content": "The first snow."}, headers=alice.headers)
    )

    assert answer["message"] == "tweet created"
    rows = tweets_db(
        "SELECT user_id, content, parent_id, repost_of_id, num_likes, num_replies, num_reposts"
        " FROM tweets_tweet WHERE id = %s",
        answer["tweet"]["id"],
    )
    assert rows == [(int(alice.id), "The first snow.", None, None, 0, 0, 0)]


async def test_create_tweet_publishes_to_rabbitmq(
    http: AsyncClient, alice: Member, general_tweets: Queue
) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")

    message = general_tweets.take("tweet.created", tweet["id"])

    assert message == {
        "id": tweet["id"],
        "user_id": alice.id,
        "content": "The first snow.",
        "parent_id": None,
        "created_at": tweet["created_at"],
    }


async def test_create_tweet_calls_user_grpc(
    http: AsyncClient,
    alice: Member,
    tweets_worker: Process,
    user_service: UserStub,
    accounts_db: Query,
) -> None:
    """The relay, the worker and accounts' server are processes of their own."""
    await post_tweet(http, alice, "The first snow.")

    def num_tweets() -> int:
        return user_service.GetUser(pb.GetUserReq(user_id=alice.id)).user.num_tweets

    wait_until(lambda: num_tweets() == 1)
    assert accounts_db("SELECT num_tweets FROM accounts_user WHERE id = %s", alice.id) == [(1,)]
    # one call, stored under its idempotency key
    calls = accounts_db("SELECT delta FROM accounts_tweetcount WHERE user_id = %s", alice.id)
    assert calls == [(1,)]


async def test_get_tweet_by_id(http: AsyncClient, alice: Member, bob: Member) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")

    read = expect(200, await http.get(f"/tweet/{tweet['id']}", headers=bob.headers))

    assert read == {
        "tweet": {
            "id": tweet["id"],
            "user_id": alice.id,
            "author": {
                "id": alice.id,
                "username": alice.username,
                "display_name": alice.username,
            },
            "content": "The first snow.",
            "parent_id": None,
            "parent_deleted": False,
            "num_likes": 0,
            "num_replies": 0,
            "num_reposts": 0,
            "created_at": tweet["created_at"],
            "liked": False,
            "reposted": False,
        },
        "replies": [],
        "next": None,
    }


async def test_delete_tweet_removes_from_db(
    http: AsyncClient, alice: Member, bob: Member, tweets_db: Query
) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")
    path = f"/tweet/{tweet['id']}"
    expect(403, await http.delete(path, headers=bob.headers))

    answer = expect(200, await http.delete(path, headers=alice.headers))

    assert answer == {"message": "tweet deleted"}
    assert tweets_db("SELECT id FROM tweets_tweet WHERE id = %s", tweet["id"]) == []
    expect(404, await http.get(path))


async def test_like_tweet_increments_count(
    http: AsyncClient, alice: Member, bob: Member, tweets_db: Query
) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")
    path = f"/tweet/{tweet['id']}/like"
    expect(200, await http.post(path, headers=bob.headers))

    answer = expect(200, await http.post(path, headers=bob.headers))  # counts once

    assert answer["tweet"]["num_likes"] == 1
    assert answer["tweet"]["liked"] is True
    assert _likes(tweets_db, tweet["id"]) == (1, [int(bob.id)])


async def test_unlike_tweet_decrements_count(
    http: AsyncClient, alice: Member, bob: Member, tweets_db: Query
) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")
    path = f"/tweet/{tweet['id']}/like"
    expect(200, await http.post(path, headers=alice.headers))
    expect(200, await http.post(path, headers=bob.headers))
    expect(200, await http.delete(path, headers=bob.headers))

    answer = expect(200, await http.delete(path, headers=bob.headers))  # counts once

    assert answer["tweet"]["num_likes"] == 1
    assert answer["tweet"]["liked"] is False
    assert _likes(tweets_db, tweet["id"]) == (1, [int(alice.id)])


def _likes(tweets_db: Query, tweet_id: str) -> tuple[int, list[int]]:
    """The counter, and the ids of the users who like the tweet."""
    [(count,)] = tweets_db("SELECT num_likes FROM tweets_tweet WHERE id = %s", tweet_id)
    rows = tweets_db("SELECT user_id FROM tweets_like WHERE tweet_id = %s", tweet_id)
    return count, [user_id for (user_id,) in rows]


async def test_repost_tweet_creates_record(
    http: AsyncClient, alice: Member, bob: Member, tweets_db: Query
) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")

    answer = expect(200, await http.post(f"/tweet/{tweet['id']}/repost", headers=bob.headers))

    assert answer["tweet"]["num_reposts"] == 1
    assert answer["tweet"]["reposted"] is True
    rows = tweets_db(
        "SELECT user_id, content FROM tweets_tweet WHERE repost_of_id = %s", tweet["id"]
    )
    assert rows == [(int(bob.id), "")]
    count = tweets_db("SELECT num_reposts FROM tweets_tweet WHERE id = %s", tweet["id"])
    assert count == [(1,)]


async def test_reply_links_to_parent(
    http: AsyncClient, alice: Member, bob: Member, tweets_db: Query
) -> None:
    tweet = await post_tweet(http, alice, "The first snow.")

    answer = expect(
        200,
        await http.post(
            f"/tweet/{tweet['id']}/reply", json={"content": "Here, too!"}, headers=bob.headers
        ),
    )

    reply = answer["tweet"]
    assert reply["parent_id"] == tweet["id"]
    rows = tweets_db("SELECT user_id, parent_id FROM tweets_tweet WHERE id = %s", reply["id"])
    assert rows == [(int(bob.id), int(tweet["id"]))]
    read = expect(200, await http.get(f"/tweet/{tweet['id']}"))
    assert read["tweet"]["num_replies"] == 1
    assert [shown["id"] for shown in read["replies"]] == [reply["id"]]
