"""Each function of the tweets client, over both transports."""

from collections.abc import Callable
from datetime import UTC, datetime

import grpc
import pytest

from accounts.models import User
from common.errors import Malformed
from common.ids import MAX_ID, new_id
from grpc_services.clients import tweets
from grpc_services.clients.tweets import Entry, Tweet
from grpc_services.generated import tweet_service_pb2 as pb
from tests.support.factories import TweetFactory
from tests.support.tweets import write
from tweets.models import Like
from tweets.models import Tweet as Row

SERVICE = tweets.SERVICE

pytestmark = pytest.mark.usefixtures("transport")

# Rows are written without the services, which would call accounts: it has no channel here.


def like(tweet: Row, user: User) -> None:
    Like.objects.create(tweet=tweet, user_id=user.id)
    Row.objects.filter(id=tweet.id).update(num_likes=tweet.num_likes + 1)


def repost(tweet: Row, user: User) -> Row:
    entry = write(user, content="", repost_of=tweet)
    Row.objects.filter(id=tweet.id).update(num_reposts=tweet.num_reposts + 1)
    return entry


# GetTweets


def test_get_tweets_returns_every_field(alice: User, bob: User) -> None:
    when = datetime(2026, 11, 20, 9, 30, 0, 123_000, tzinfo=UTC)
    parent = write(alice)
    tweet = TweetFactory.create(
        user_id=bob.id, content="Žluťoučký kůň 🐎", parent_id=parent.id, created_at=when,
        num_likes=3, num_replies=2, num_reposts=1,
    )  # fmt: skip
    assert tweets.get_tweets([tweet.id]) == [
        Tweet(
            id=tweet.id,
            user_id=bob.id,
            content="Žluťoučký kůň 🐎",
            parent_id=parent.id,
            parent_deleted=False,
            num_likes=3,
            num_replies=2,
            num_reposts=1,
            created_at=when,
            entry_id=tweet.id,
            reposted_by_id=None,
            liked=None,
            reposted=None,
        )
    ]


def test_get_tweets_keeps_the_order_and_leaves_out_unknown_ids(alice: User) -> None:
    first, second = write(alice).id, write(alice).id
    found = tweets.get_tweets([second, 7, first, MAX_ID])
    assert [tweet.id for tweet in found] == [second, first]


def test_get_tweets_says_whether_the_viewer_liked_and_reposted(alice: User, bob: User) -> None:
    liked, reposted = write(alice), write(alice)
    like(liked, bob)
    entry = repost(reposted, bob)
    asked = [liked.id, reposted.id, entry.id]
    seen = tweets.get_tweets(asked, viewer_id=bob.id)
    assert [(tweet.liked, tweet.reposted) for tweet in seen] == [
        (True, False), (False, True), (False, True)
    ]  # fmt: skip
    seen = tweets.get_tweets(asked, viewer_id=alice.id)
    assert {(tweet.liked, tweet.reposted) for tweet in seen} == {(False, False)}


def test_get_tweets_shows_the_original_of_a_repost(alice: User, bob: User) -> None:
    tweet = write(alice)
    entry = repost(tweet, bob)
    for asked in ([entry.id], [entry.id, tweet.id]):
        shown = tweets.get_tweets(asked)[0]
        assert (shown.id, shown.user_id, shown.content) == (tweet.id, alice.id, tweet.content)
        assert (shown.entry_id, shown.reposted_by_id) == (entry.id, bob.id)
        assert shown.num_reposts == 1


def test_get_tweets_says_that_a_parent_is_deleted(alice: User) -> None:
    parent = write(alice)
    reply = write(alice, parent_id=parent.id)
    Row.objects.filter(id=parent.id).delete()
    shown = tweets.get_tweets([reply.id])[0]
    assert (shown.parent_id, shown.parent_deleted) == (parent.id, True)


def test_a_repost_of_a_deleted_tweet_is_left_out(alice: User, bob: User) -> None:
    tweet = write(alice)
    entry = repost(tweet, bob)
    Row.objects.filter(id=tweet.id).delete()
    assert tweets.get_tweets([entry.id]) == []


def test_get_tweets_ignores_malformed_ids(alice: User) -> None:
    tweet = write(alice)
    asked = ["nonexistent-uuid", "tweet-3", "007", "+5", "", "9" * 30, str(tweet.id)]
    answer = tweets.stub().GetTweets(pb.GetTweetsReq(tweet_ids=asked, viewer_id="x"))
    assert [shown.id for shown in answer.tweets] == [str(tweet.id)]
    assert not answer.tweets[0].HasField("liked")


def test_get_tweets_without_ids_is_empty() -> None:
    assert tweets.get_tweets([]) == []


# GetAuthorTweets


def test_get_author_tweets_returns_the_newest_entries_first(
    alice: User, bob: User, carol: User
) -> None:
    rows = [write(user) for user in (alice, carol, bob)]
    entry = repost(rows[1], alice)
    authors = [alice.id, bob.id]
    assert tweets.get_author_tweets(authors) == [
        Entry(id=entry.id, user_id=alice.id, tweet_id=rows[1].id),
        Entry(id=rows[2].id, user_id=bob.id, tweet_id=rows[2].id),
        Entry(id=rows[0].id, user_id=alice.id, tweet_id=rows[0].id),
    ]
    assert [e.id for e in tweets.get_author_tweets(authors, limit=1)] == [entry.id]
    older = tweets.get_author_tweets(authors, before_id=rows[2].id)
    assert [e.id for e in older] == [rows[0].id]


def test_get_author_tweets_ignores_malformed_ids(alice: User) -> None:
    tweet = write(alice)
    request = pb.GetAuthorTweetsReq(author_ids=["x", str(alice.id), "007"])
    assert [entry.id for entry in tweets.stub().GetAuthorTweets(request).entries] == [str(tweet.id)]
    assert tweets.get_author_tweets([]) == []
    assert tweets.get_author_tweets([7]) == []


def test_get_author_tweets_returns_100_entries_by_default(alice: User) -> None:
    Row.objects.bulk_create(TweetFactory.build_batch(1001, user_id=alice.id))
    request = pb.GetAuthorTweetsReq(author_ids=[str(alice.id)])
    assert len(tweets.stub().GetAuthorTweets(request).entries) == 100
    assert len(tweets.get_author_tweets([alice.id], limit=1000)) == 1000


# ListTweets


def test_list_tweets_returns_all_tweets_in_order_of_id(alice: User, bob: User) -> None:
    rows = [write(user) for user in (alice, bob, alice)]
    repost(rows[0], bob)
    assert [tweet.id for tweet in tweets.list_tweets(limit=2)] == [row.id for row in rows[:2]]
    rest = tweets.list_tweets(after_id=rows[1].id, limit=2)
    assert [(tweet.id, tweet.content, tweet.liked) for tweet in rest] == [
        (rows[2].id, rows[2].content, None)
    ]
    assert tweets.list_tweets(after_id=rows[2].id) == []


def test_5000_long_tweets_fit_into_an_answer(alice: User) -> None:
    Row.objects.bulk_create(TweetFactory.build_batch(5001, user_id=alice.id, content="日" * 140))
    assert len(tweets.list_tweets(limit=5000)) == 5000
    assert len(tweets.stub().ListTweets(pb.ListTweetsReq()).tweets) == 1000


# Limits

OVER_THE_LIMIT: dict[str, Callable[[], object]] = {
    "1,001 tweets": lambda: tweets.get_tweets(range(1, 1002)),
    "1,001 authors": lambda: tweets.get_author_tweets(range(1, 1002)),
    "1,001 entries": lambda: tweets.get_author_tweets([1], limit=1001),
    "-1 entries": lambda: tweets.get_author_tweets([1], limit=-1),
    "5,001 listed": lambda: tweets.list_tweets(limit=5001),
    "-1 listed": lambda: tweets.list_tweets(limit=-1),
}


@pytest.mark.parametrize("request_name", OVER_THE_LIMIT)
def test_requests_over_the_limit_are_malformed(request_name: str) -> None:
    with pytest.raises(Malformed):
        OVER_THE_LIMIT[request_name]()


def test_requests_at_the_limit_are_answered(alice: User) -> None:
    tweet = write(alice)
    assert len(tweets.get_tweets([*range(1, 1000), tweet.id], viewer_id=new_id())) == 1
    assert len(tweets.get_author_tweets([*range(1, 1000), alice.id])) == 1


@pytest.mark.parametrize("cursor", ["x", "0", "-1", "007", str(MAX_ID + 1)])
def test_a_malformed_cursor_is_an_error(cursor: str) -> None:
    stub = tweets.stub()
    for ask in (
        lambda: stub.GetAuthorTweets(pb.GetAuthorTweetsReq(author_ids=["1"], before_id=cursor)),
        lambda: stub.ListTweets(pb.ListTweetsReq(after_id=cursor)),
    ):
        with pytest.raises(grpc.RpcError) as raised:
            ask()
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
