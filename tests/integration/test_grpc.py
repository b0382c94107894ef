import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from httpx import AsyncClient

from common.errors import Unavailable
from common.ids import new_id
from grpc_services.channels import network_channel
from grpc_services.clients.calls import call
from grpc_services.generated import tweet_service_pb2, user_service_pb2
from grpc_services.generated.tweet_service_pb2_grpc import TweetStub
from grpc_services.generated.user_service_pb2_grpc import UserStub
from tests.support.clients import Query
from tests.support.people import Member, expect, follow, post_tweet, register, unique_word
from tests.support.system import System

pytestmark = pytest.mark.integration


async def test_get_user_grpc(user_service: UserStub, alice: Member) -> None:
    by_id = user_service.GetUser(user_service_pb2.GetUserReq(user_id=alice.id))
    by_name = user_service.GetUser(user_service_pb2.GetUserReq(username=alice.username.upper()))

    assert by_id.valid
    assert by_id.user.id == alice.id
    assert by_id.user.username == alice.username
    assert by_name == by_id


def test_grpc_nonexistent_user(user_service: UserStub) -> None:
    for unknown in ("nonexistent-uuid", str(new_id()), "007", "+5", "9" * 30, ""):
        answer = user_service.GetUser(user_service_pb2.GetUserReq(user_id=unknown))

        assert not answer.valid, unknown
        assert not answer.HasField("user"), unknown


async def test_increment_tweets_grpc(
    user_service: UserStub, alice: Member, accounts_db: Query
) -> None:
    def increment(key: str, delta: int = 0) -> bool:
        request = user_service_pb2.IncrementTweetsReq(
            user_id=alice.id, delta=delta, idempotency_key=key
        )
        return user_service.IncrementTweets(request).success

    first, second, third = unique_word(), unique_word(), unique_word()
    assert increment(first)
    assert increment(first)  # counts once
    assert increment(second, delta=3)
    assert _num_tweets(accounts_db, alice) == 4
    assert user_service.GetUser(user_service_pb2.GetUserReq(user_id=alice.id)).user.num_tweets == 4

    assert increment(third, delta=-6)  # deletions may be handled before their creations
    assert _num_tweets(accounts_db, alice) == -2
    assert user_service.GetUser(user_service_pb2.GetUserReq(user_id=alice.id)).user.num_tweets == 0


def _num_tweets(accounts_db: Query, member: Member) -> int:
    [(count,)] = accounts_db("SELECT num_tweets FROM accounts_user WHERE id = %s", member.id)
    return int(count)


async def test_get_followers_grpc(
    http: AsyncClient, user_service: UserStub, alice: Member, bob: Member
) -> None:
    dave = await register(http)
    await follow(http, bob, alice)
    await follow(http, dave, alice)
    await follow(http, bob, dave)

    first = user_service.GetFollowers(user_service_pb2.GetFollowersReq(user_id=alice.id, limit=1))
    second = user_service.GetFollowers(
        user_service_pb2.GetFollowersReq(user_id=alice.id, cursor=first.next_cursor)
    )
    followed = user_service.GetFollowing(user_service_pb2.GetFollowersReq(user_id=bob.id))
    packed = user_service.GetFollowerIds(user_service_pb2.GetFollowerIdsReq(user_id=alice.id))

    assert [row.follower_id for row in first.follows] == [dave.id]  # newest first
    assert [row.follower_id for row in second.follows] == [bob.id]
    assert second.next_cursor == ""
    assert [row.following_id for row in followed.follows] == [dave.id, alice.id]
    assert list(packed.follower_ids) == sorted([int(bob.id), int(dave.id)])
    assert packed.next_cursor == 0


async def test_get_tweets_grpc(
    http: AsyncClient, tweet_service: TweetStub, alice: Member, bob: Member, tweets_db: Query
) -> None:
    first = (await post_tweet(http, alice, "The first snow."))["id"]
    second = (await post_tweet(http, alice, "The second snow."))["id"]
    expect(200, await http.post(f"/tweet/{first}/like", headers=bob.headers))
    expect(200, await http.post(f"/tweet/{first}/repost", headers=bob.headers))
    [(repost,)] = tweets_db("SELECT id FROM tweets_tweet WHERE repost_of_id = %s", first)

    asked = [second, str(new_id()), "tweet-3", str(repost), first]
    found = tweet_service.GetTweets(
        tweet_service_pb2.GetTweetsReq(tweet_ids=asked, viewer_id=bob.id)
    ).tweets

    assert [(tweet.entry_id, tweet.id, tweet.reposted_by_id) for tweet in found] == [
        (second, second, ""),
        (str(repost), first, bob.id),
        (first, first, ""),
    ]
    assert [tweet.content for tweet in found] == [
        "The second snow.",
        "The first snow.",
        "The first snow.",
    ]
    assert [(tweet.num_likes, tweet.liked, tweet.reposted) for tweet in found] == [
        (0, False, False),
        (1, True, True),
        (1, True, True),
    ]


def test_grpc_error_handling(
    user_service: UserStub, tweet_service: TweetStub, system: System, settings: Any
) -> None:
    users, tweets = user_service_pb2, tweet_service_pb2
    too_many = [str(new_id())] * 1001
    unknown = users.IncrementTweetsReq(user_id=str(new_id()), idempotency_key=unique_word())

    for method, request, status in (
        (user_service.GetUsers, users.GetUsersReq(user_ids=too_many), _INVALID),
        (user_service.GetRelations, users.GetRelationsReq(user_ids=too_many), _INVALID),
        (user_service.GetFollowers, users.GetFollowersReq(limit=5001), _INVALID),
        (user_service.GetFollowers, users.GetFollowersReq(cursor="made up"), _INVALID),
        (user_service.GetFollowerIds, users.GetFollowerIdsReq(limit=10_001), _INVALID),
        (user_service.IncrementTweets, users.IncrementTweetsReq(user_id="1"), _INVALID),
        (user_service.IncrementTweets, unknown, grpc.StatusCode.NOT_FOUND),
        (tweet_service.GetTweets, tweets.GetTweetsReq(tweet_ids=too_many), _INVALID),
        (tweet_service.GetAuthorTweets, tweets.GetAuthorTweetsReq(author_ids=too_many), _INVALID),
        (tweet_service.ListTweets, tweets.ListTweetsReq(limit=5001), _INVALID),
    ):
        assert _status(method, request) is status, request

    # malformed ids are unknown ids
    assert not user_service.GetUsers(users.GetUsersReq(user_ids=["nonexistent-uuid"])).users
    assert not tweet_service.GetTweets(tweets.GetTweetsReq(tweet_ids=["tweet-3"])).tweets

    # our own client, with a server that hangs and with one that is down
    get_user = users.GetUserReq(user_id="1")
    settings.GRPC_DEADLINE_SECONDS = 0.5
    began = time.monotonic()
    with network_channel("accounts", target=system.users_grpc) as channel:
        with system.accounts_server.paused(), pytest.raises(Unavailable, match="in time"):
            call(UserStub(channel).GetUser, get_user, "accounts")
        settings.GRPC_DEADLINE_SECONDS = 5.0
        assert not call(UserStub(channel).GetUser, get_user, "accounts").valid
    with (
        closed_port() as address,
        network_channel("accounts", target=address) as channel,
        pytest.raises(Unavailable, match="is down"),
    ):
        call(UserStub(channel).GetUser, get_user, "accounts")
    assert time.monotonic() - began < 10


@contextmanager
def closed_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


_INVALID = grpc.StatusCode.INVALID_ARGUMENT


def _status(method: Callable[[Any], Any], request: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        method(request)
    status: grpc.StatusCode = caught.value.code()
    return status
