"""The client of accounts: ids in, frozen dataclasses out. Batches hold 1,000 ids at most."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeAlias

import grpc

from common.http.pagination import Page
from common.times import from_ms
from grpc_services.channels import channel
from grpc_services.clients.calls import MAX_IDS, call
from grpc_services.generated import user_service_pb2 as pb
from grpc_services.generated.user_service_pb2_grpc import UserStub

SERVICE = "accounts"
MAX_FOLLOWS = 5000
MAX_FOLLOWER_IDS = 10_000

_ListFollows: TypeAlias = "grpc.UnaryUnaryMultiCallable[pb.GetFollowersReq, pb.GetFollowersRes]"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: int
    username: str
    display_name: str
    bio: str
    num_tweets: int
    num_followers: int
    num_following: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    id: int
    follower_id: int
    following_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The follows between a viewer and a user."""

    following: bool  # the viewer follows the user
    followed_by: bool  # the user follows the viewer
    # the newer of two answers about one viewer has the higher version; 0 is unknown
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Users who are suspended or have no account."""

    user_ids: frozenset[int]
    # microseconds, by the clock of the accounts database: the newer of two answers about a user has
    # the higher time
    as_of_us: int


def find_user(*, user_id: int | None = None, username: str | None = None) -> User | None:
    """By id or username; None for an unknown, suspended or deleted user."""
    request = pb.GetUserReq(user_id=str(user_id or ""), username=username or "")
    answer = call(stub().GetUser, request, SERVICE)
    return _user(answer.user) if answer.valid else None


def get_users(user_ids: Collection[int]) -> dict[int, User]:
    """By id, without unknown, suspended and deleted users."""
    if not user_ids:
        return {}
    request = pb.GetUsersReq(user_ids=map(str, user_ids))
    users = (_user(user) for user in call(stub().GetUsers, request, SERVICE).users)
    return {user.id: user for user in users}


def increment_tweets(*, user_id: int, delta: int, idempotency_key: str) -> None:
    """Counts once per key. Raises `NotFound` for an unknown user."""
    request = pb.IncrementTweetsReq(
        user_id=str(user_id), delta=delta, idempotency_key=idempotency_key
    )
    call(stub().IncrementTweets, request, SERVICE)


def find_deleted(user_ids: Collection[int]) -> set[int]:
    """The users without an account. Suspended users have one."""
    if not user_ids:
        return set()
    request = pb.FindDeletedReq(user_ids=map(str, user_ids))
    return {int(id) for id in call(stub().FindDeleted, request, SERVICE).user_ids}


def find_hidden(user_ids: Collection[int]) -> Hidden:
    """The users whose tweets nobody may see."""
    if not user_ids:
        return Hidden(user_ids=frozenset(), as_of_us=0)
    request = pb.FindHiddenReq(user_ids=map(str, user_ids))
    answer = call(stub().FindHidden, request, SERVICE)
    return Hidden(user_ids=frozenset(map(int, answer.user_ids)), as_of_us=answer.as_of_us)


def remove_follows(*, user_id: int) -> bool:
    """Deletes a batch of a deleted account's follows. Returns whether it found any."""
    request = pb.RemoveFollowsReq(user_id=str(user_id))
    return bool(call(stub().RemoveFollows, request, SERVICE).found)


def get_relations(*, viewer_id: int, user_ids: Collection[int]) -> dict[int, Relation]:
    """For each of the users, unknown ones included."""
    if not user_ids:
        return {}
    request = pb.GetRelationsReq(viewer_id=str(viewer_id), user_ids=map(str, user_ids))
    relations = call(stub().GetRelations, request, SERVICE).relations
    return {
        int(r.user_id): Relation(
            following=r.following, followed_by=r.followed_by, version=r.version
        )
        for r in relations
    }


def get_followers(*, user_id: int, cursor: int | None = None, limit: int = 100) -> Page[Follow]:
    """The follows whose `following_id` is the user, newest first; `limit` is 5,000 at most."""
    return _follows(stub().GetFollowers, user_id, cursor, limit)


def get_following(*, user_id: int, cursor: int | None = None, limit: int = 100) -> Page[Follow]:
    """Follows by the user, newest first; `limit` is 5,000 at most."""
    return _follows(stub().GetFollowing, user_id, cursor, limit)


def iter_following_ids(user_id: int) -> Iterator[int]:
    """All users that the user follows, in pages of 5,000."""
    cursor: int | None = None
    while True:
        page = get_following(user_id=user_id, cursor=cursor, limit=MAX_FOLLOWS)
        yield from (follow.following_id for follow in page.items)
        if page.next is None:
            return
        cursor = page.next


def get_follower_ids(
    *, user_id: int, after_id: int = 0, limit: int = MAX_FOLLOWER_IDS
) -> Page[int]:
    """A page of follower ids above `after_id`, ascending; `limit` is 10,000 at most."""
    request = pb.GetFollowerIdsReq(user_id=str(user_id), cursor=after_id, limit=limit)
    answer = call(stub().GetFollowerIds, request, SERVICE)
    return Page(answer.follower_ids, answer.next_cursor or None)


def iter_first_follower_ids(
    user_ids: Collection[int], limit: int = MAX_FOLLOWER_IDS
) -> Iterator[tuple[int, Page[int]]]:
    """The first page of `get_follower_ids` for each user, in order of user id, in fewer calls.

    An answer has `limit` ids at most. One answer is in memory at a time.
    """
    waiting = sorted(user_ids)
    while waiting:
        first, *rest = waiting
        request = pb.GetFollowerIdsReq(
            user_id=str(first), limit=limit, other_user_ids=map(str, rest[:MAX_IDS])
        )
        answer = call(stub().GetFollowerIds, request, SERVICE)
        yield first, Page(answer.follower_ids, answer.next_cursor or None)
        others = {int(other.user_id): other.follower_ids for other in answer.others}
        yield from ((id, Page(ids, None)) for id, ids in others.items())
        waiting = [id for id in rest if id not in others]


def _follows(method: _ListFollows, user_id: int, cursor: int | None, limit: int) -> Page[Follow]:
    request = pb.GetFollowersReq(user_id=str(user_id), cursor=str(cursor or ""), limit=limit)
    answer = call(method, request, SERVICE)
    return Page(
        [
            Follow(
                id=int(f.id),
                follower_id=int(f.follower_id),
                following_id=int(f.following_id),
                created_at=from_ms(f.created_at_ms),
            )
            for f in answer.follows
        ],
        int(answer.next_cursor) if answer.next_cursor else None,
    )


def _user(user: pb.UserStruct) -> User:
    return User(
        id=int(user.id),
        username=user.username,
        display_name=user.display_name,
        bio=user.bio,
        num_tweets=user.num_tweets,
        num_followers=user.num_followers,
        num_following=user.num_following,
        created_at=from_ms(user.created_at_ms),
    )


@cache
def stub() -> UserStub:
    return UserStub(channel(SERVICE))
