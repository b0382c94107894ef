"""The client of tweets: ids in, frozen dataclasses out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from common.times import from_ms
from grpc_services.channels import channel
from grpc_services.clients.calls import call
from grpc_services.generated import tweet_service_pb2 as pb
from grpc_services.generated.tweet_service_pb2_grpc import TweetStub

SERVICE = "tweets"
MAX_ENTRIES = 1000
MAX_LISTED = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tweet:
    """A tweet as one viewer sees it, under the entry it was read by."""

    id: int
    user_id: int
    content: str
    parent_id: int | None
    parent_deleted: bool
    num_likes: int
    num_replies: int
    num_reposts: int
    created_at: datetime
    entry_id: int  # the requested id: the tweet's own or that of a repost
    reposted_by_id: int | None  # None if entry_id is the tweet's own
    liked: bool | None  # by the viewer; None without a viewer
    reposted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tweet or a repost in a timeline."""

    id: int
    user_id: int  # the author, or for a repost the reposter
    tweet_id: int  # the tweet that it shows


def get_tweets(entry_ids: Collection[int], *, viewer_id: int | None = None) -> list[Tweet]:
    """The entries that exist, in the order of the ids; 1,000 ids at most."""
    if not entry_ids:
        return []
    request = pb.GetTweetsReq(tweet_ids=map(str, entry_ids), viewer_id=str(viewer_id or ""))
    return [_tweet(tweet) for tweet in call(stub().GetTweets, request, SERVICE).tweets]


def get_author_tweets(
    author_ids: Collection[int], *, before_id: int | None = None, limit: int = 100
) -> list[Entry]:
    """The authors' entries below `before_id`, newest first; 1,000 authors and entries at most."""
    if not author_ids:
        return []
    request = pb.GetAuthorTweetsReq(
        author_ids=map(str, author_ids), before_id=str(before_id or ""), limit=limit
    )
    entries = call(stub().GetAuthorTweets, request, SERVICE).entries
    return [
        Entry(id=int(entry.id), user_id=int(entry.user_id), tweet_id=int(entry.tweet_id))
        for entry in entries
    ]


def list_tweets(*, after_id: int | None = None, limit: int = 1000) -> Sequence[Tweet]:
    """All tweets, without reposts, above `after_id`, in order of id; `limit` is 5,000 at most."""
    request = pb.ListTweetsReq(after_id=str(after_id or ""), limit=limit)
    return [_tweet(tweet) for tweet in call(stub().ListTweets, request, SERVICE).tweets]


def _tweet(tweet: pb.TweetStruct) -> Tweet:
    return Tweet(
        id=int(tweet.id),
        user_id=int(tweet.user_id),
        content=tweet.content,
        parent_id=int(tweet.parent_id) if tweet.parent_id else None,
        parent_deleted=tweet.parent_deleted,
        num_likes=tweet.num_likes,
        num_replies=tweet.num_replies,
        num_reposts=tweet.num_reposts,
        created_at=from_ms(tweet.created_at_ms),
        entry_id=int(tweet.entry_id),
        reposted_by_id=int(tweet.reposted_by_id) if tweet.reposted_by_id else None,
        liked=tweet.liked if tweet.HasField("liked") else None,
        reposted=tweet.reposted if tweet.HasField("reposted") else None,
    )


@cache
def stub() -> TweetStub:
    return TweetStub(channel(SERVICE))
