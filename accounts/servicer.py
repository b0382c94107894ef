"""The gRPC service `User`: maps protobuf to selectors and services, and back."""

from collections.abc import Callable

import grpc

from accounts import selectors, services
from accounts.models import MAX_KEY_LENGTH
from common.errors import Malformed, NotFound
from common.http.pagination import Page
from common.ids import MAX_ID, parse_id
from common.times import to_ms
from grpc_services.clients.accounts import MAX_FOLLOWER_IDS, MAX_FOLLOWS, Follow, User
from grpc_services.generated import user_service_pb2 as pb
from grpc_services.generated.user_service_pb2_grpc import UserServicer as Base
from grpc_services.requests import read_cursor, read_ids, read_limit

DEFAULT_FOLLOWS = 100
MAX_DELTA = 2**31 - 1


class UserServicer(Base):
    def GetUser(self, request: pb.GetUserReq, context: grpc.ServicerContext) -> pb.GetUserRes:
        if request.username:
            user = selectors.find_user_named(request.username)
        else:
            user_id = parse_id(request.user_id)
            user = selectors.find_user(user_id) if user_id else None
        return pb.GetUserRes(valid=user is not None, user=_user(user) if user else None)

    def GetUsers(self, request: pb.GetUsersReq, context: grpc.ServicerContext) -> pb.GetUsersRes:
        users = selectors.get_users(read_ids("user_ids", request.user_ids))
        return pb.GetUsersRes(users=map(_user, users.values()))

    def IncrementTweets(
        self, request: pb.IncrementTweetsReq, context: grpc.ServicerContext
    ) -> pb.IncrementTweetsRes:
        key = request.idempotency_key
        if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
            raise Malformed(f"idempotency_key: must be 1 to {MAX_KEY_LENGTH} printable characters")
        if abs(request.delta) > MAX_DELTA:
            raise Malformed(f"delta: must be between -{MAX_DELTA} and {MAX_DELTA}")
        user_id = parse_id(request.user_id)
        if user_id is None:
            raise NotFound(f"no user {request.user_id!r}")
        services.increment_tweets(user_id=user_id, delta=request.delta or 1, key=key)
        return pb.IncrementTweetsRes(success=True)

    def GetRelations(
        self, request: pb.GetRelationsReq, context: grpc.ServicerContext
    ) -> pb.GetRelationsRes:
        viewer_id = parse_id(request.viewer_id) or 0
        version = selectors.find_follows_version(
            viewer_id
        )  # before the relations, so that it is never newer
        if version is None:
            viewer_id = 0  # ignores the follows that a deleted account left
        relations = selectors.get_relations(viewer_id, read_ids("user_ids", request.user_ids))
        return pb.GetRelationsRes(
            relations=[
                pb.RelationStruct(
                    user_id=str(id),
                    following=found.following,
                    followed_by=found.followed_by,
                    version=version or 0,
                )
                for id, found in relations.items()
            ]
        )

    def FindDeleted(
        self, request: pb.FindDeletedReq, context: grpc.ServicerContext
    ) -> pb.FindDeletedRes:
        deleted = selectors.find_deleted(read_ids("user_ids", request.user_ids))
        return pb.FindDeletedRes(user_ids=map(str, deleted))

    def FindHidden(
        self, request: pb.FindHiddenReq, context: grpc.ServicerContext
    ) -> pb.FindHiddenRes:
        hidden = selectors.find_hidden(read_ids("user_ids", request.user_ids))
        return pb.FindHiddenRes(user_ids=map(str, hidden.user_ids), as_of_us=hidden.as_of_us)

    def RemoveFollows(
        self, request: pb.RemoveFollowsReq, context: grpc.ServicerContext
    ) -> pb.RemoveFollowsRes:
        user_id = parse_id(request.user_id)
        found = user_id is not None and services.remove_follows(user_id=user_id)
        return pb.RemoveFollowsRes(found=found)

    def GetFollowers(
        self, request: pb.GetFollowersReq, context: grpc.ServicerContext
    ) -> pb.GetFollowersRes:
        return _follows(selectors.get_followers, request)

    def GetFollowing(
        self, request: pb.GetFollowersReq, context: grpc.ServicerContext
    ) -> pb.GetFollowersRes:
        return _follows(selectors.get_following, request)

    def GetFollowerIds(
        self, request: pb.GetFollowerIdsReq, context: grpc.ServicerContext
    ) -> pb.GetFollowerIdsRes:
        limit = read_limit(request.limit, default=MAX_FOLLOWER_IDS, most=MAX_FOLLOWER_IDS)
        if request.cursor > MAX_ID:
            raise Malformed("cursor: is not an id")
        page = selectors.get_follower_ids(
            parse_id(request.user_id) or 0, after_id=request.cursor, limit=limit
        )
        others = {}
        if page.next is None:
            others = selectors.get_all_follower_ids(
                read_ids("other_user_ids", request.other_user_ids), limit=limit - len(page.items)
            )
        return pb.GetFollowerIdsRes(
            follower_ids=page.items,
            next_cursor=page.next or 0,
            others=[
                pb.FollowerIds(user_id=str(id), follower_ids=ids) for id, ids in others.items()
            ],
        )


def _follows(
    select: Callable[..., Page[Follow]], request: pb.GetFollowersReq
) -> pb.GetFollowersRes:
    page = select(
        parse_id(request.user_id) or 0,
        cursor=read_cursor("cursor", request.cursor),
        limit=read_limit(request.limit, default=DEFAULT_FOLLOWS, most=MAX_FOLLOWS),
    )
    return pb.GetFollowersRes(
        follows=[
            pb.FollowStruct(
                id=str(follow.id),
                follower_id=str(follow.follower_id),
                following_id=str(follow.following_id),
                created_at_ms=to_ms(follow.created_at),
            )
            for follow in page.items
        ],
        next_cursor=str(page.next or ""),
    )


def _user(user: User) -> pb.UserStruct:
    return pb.UserStruct(
        id=str(user.id),
        username=user.username,
        display_name=user.display_name,
        bio=user.bio,
        num_tweets=user.num_tweets,
        num_followers=user.num_followers,
        num_following=user.num_following,
        created_at_ms=to_ms(user.created_at),
    )
