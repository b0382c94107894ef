"""The gRPC service of `tweet_service.proto`: translates between protobuf and selectors."""

import grpc

from common.ids import parse_id
from common.times import to_ms
from grpc_services.clients.tweets import MAX_ENTRIES, MAX_LISTED, Tweet
from grpc_services.generated import tweet_service_pb2 as pb
from grpc_services.generated.tweet_service_pb2_grpc import TweetServicer as Base
from grpc_services.requests import read_cursor, read_ids, read_limit
from tweets import selectors

DEFAULT_ENTRIES = 100
DEFAULT_LISTED = 1000


class TweetServicer(Base):
    def GetTweets(self, request: pb.GetTweetsReq, context: grpc.ServicerContext) -> pb.GetTweetsRes:
        tweets = selectors.get_tweets(
            read_ids("tweet_ids", request.tweet_ids), viewer_id=parse_id(request.viewer_id)
        )
        return pb.GetTweetsRes(tweets=map(_tweet, tweets))

    def GetAuthorTweets(
        self, request: pb.GetAuthorTweetsReq, context: grpc.ServicerContext
    ) -> pb.GetAuthorTweetsRes:
        entries = selectors.list_entries(
            read_ids("author_ids", request.author_ids),
            before_id=read_cursor("before_id", request.before_id),
            limit=read_limit(request.limit, default=DEFAULT_ENTRIES, most=MAX_ENTRIES),
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
            after_id=read_cursor("after_id", request.after_id),
            limit=read_limit(request.limit, default=DEFAULT_LISTED, most=MAX_LISTED),
        )
        return pb.ListTweetsRes(tweets=map(_tweet, tweets))


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
