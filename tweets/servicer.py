"""gRPC to selectors and back. Ids that aren't any are left out, as unknown ones are."""

from collections.abc import Iterable

import grpc

from common.errors import Malformed
from common.ids import parse_id
from common.times import to_ms
from grpc_services.clients.calls import MAX_IDS
from grpc_services.clients.tweets import MAX_ENTRIES, MAX_LISTED, Tweet
from grpc_services.generated import tweet_service_pb2 as pb
from grpc_services.generated import tweet_service_pb2_grpc
from tweets import selectors

DEFAULT_ENTRIES = 100
DEFAULT_LISTED = 1000


class TweetServicer(tweet_service_pb2_grpc.TweetServicer):
    def GetTweets(self, request: pb.GetTweetsReq, context: grpc.ServicerContext) -> pb.GetTweetsRes:
        tweets = selectors.get_tweets(
            _ids("tweet_ids", request.tweet_ids), viewer_id=parse_id(request.viewer_id)
        )
        return pb.GetTweetsRes(tweets=map(_tweet, tweets))

    def GetAuthorTweets(
        self, request: pb.GetAuthorTweetsReq, context: grpc.ServicerContext
    ) -> pb.GetAuthorTweetsRes:
        entries = selectors.list_entries(
            _ids("author_ids", request.author_ids),
            before_id=_cursor("before_id", request.before_id),
            limit=_limit(request.limit, default=DEFAULT_ENTRIES, most=MAX_ENTRIES),
        )
        return pb.GetAuthorTweetsRes(
            entries=(
                pb.EntryStruct(
                    id=str(entry.id), user_id=str(entry.user_id), tweet_id=str(entry.tweet_id)
                )
                for entry in entries
            )
        )

    def ListTweets(
        self, request: pb.ListTweetsReq, context: grpc.ServicerContext
    ) -> pb.ListTweetsRes:
        tweets = selectors.list_tweets(
            after_id=_cursor("after_id", request.after_id),
            limit=_limit(request.limit, default=DEFAULT_LISTED, most=MAX_LISTED),
        )
        return pb.ListTweetsRes(tweets=map(_tweet, tweets))


def _ids(field: str, texts: Iterable[str]) -> list[int]:
    ids = [parse_id(text) for text in texts]
    if len(ids) > MAX_IDS:
        raise Malformed(f"{field}: {MAX_IDS} at most")
    return [id for id in ids if id is not None]


def _cursor(field: str, text: str) -> int | None:
    cursor = parse_id(text)
    if cursor is None and text:
        raise Malformed(f"{field}: is not an id")
    return cursor


def _limit(limit: int, *, default: int, most: int) -> int:
    if not 0 <= limit <= most:
        raise Malformed(f"limit: 1 to {most}")
    return limit or default


def _tweet(tweet: Tweet) -> pb.TweetStruct:
    return pb.TweetStruct(
        id=str(tweet.id),
        user_id=str(tweet.user_id),
        content=tweet.content,
        parent_id=str(tweet.parent_id or ""),
        parent_deleted=tweet.parent_deleted,
        num_likes=tweet.num_likes,
        num_replies=tweet.num_replies,
        num_reposts=tweet.num_reposts,
        created_at_ms=to_ms(tweet.created_at),
        entry_id=str(tweet.entry_id),
        reposted_by_id=str(tweet.reposted_by_id or ""),
        liked=tweet.liked,
        reposted=tweet.reposted,
    )
