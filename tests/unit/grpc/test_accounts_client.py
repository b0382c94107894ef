"""Each function of the accounts client, over both transports."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from django.db import connections

from accounts import services
from accounts.models import Follow as FollowRow
from accounts.models import User as UserRow
from accounts.selectors import find_hidden
from common.db import alias, now_us
from common.errors import Malformed, NotFound
from common.ids import MAX_ID
from grpc_services.clients import accounts
from grpc_services.clients.accounts import Follow, Relation, User
from grpc_services.generated import user_service_pb2 as pb
from tests.support.factories import FollowFactory, UserFactory

SERVICE = accounts.SERVICE

pytestmark = pytest.mark.usefixtures("transport")


# Users


def test_find_user_by_id(alice: UserRow) -> None:
    when = datetime(2026, 11, 20, 9, 30, 0, 123_000, tzinfo=UTC)
    UserRow.objects.update(
        display_name="Alice", bio="Writes.", num_tweets=3, num_followers=2, num_following=1,
        created_at=when,
    )  # fmt: skip
    assert accounts.find_user(user_id=alice.id) == User(
        id=alice.id,
        username="alice",
        display_name="Alice",
        bio="Writes.",
        num_tweets=3,
        num_followers=2,
        num_following=1,
        created_at=when,
    )


def test_find_user_by_name_ignores_case(alice: UserRow) -> None:
    user = accounts.find_user(username="ALICE")
    assert user is not None
    assert user.id == alice.id


def test_find_user_shows_the_username_without_a_display_name(alice: UserRow) -> None:
    user = accounts.find_user(user_id=alice.id)
    assert user is not None
    assert user.display_name == "alice"


def test_find_user_does_not_find_unknown_or_suspended_users(alice: UserRow, bob: UserRow) -> None:
    services.suspend(user_id=bob.id)
    assert accounts.find_user(user_id=7) is None
    assert accounts.find_user(user_id=bob.id) is None
    assert accounts.find_user(username="bob") is None
    assert accounts.find_user(username="al\x00ice") is None


def test_a_malformed_id_is_unknown_not_an_error(alice: UserRow) -> None:
    for text in ("nonexistent-uuid", "007", "+5", "9" * 30, "", "\x00"):
        answer = accounts.stub().GetUser(pb.GetUserReq(user_id=text))
        assert (answer.valid, answer.HasField("user")) == (False, False)


def test_get_users_leaves_out_unknown_and_suspended_users(
    alice: UserRow, bob: UserRow, carol: UserRow
) -> None:
    services.suspend(user_id=carol.id)
    users = accounts.get_users([bob.id, alice.id, carol.id, 7, alice.id])
    assert {id: user.username for id, user in users.items()} == {
        alice.id: "alice",
        bob.id: "bob",
    }


def test_get_users_ignores_malformed_ids(alice: UserRow) -> None:
    request = pb.GetUsersReq(user_ids=["x", str(alice.id), "007", ""])
    assert [user.username for user in accounts.stub().GetUsers(request).users] == ["alice"]


def test_get_users_without_ids_is_empty() -> None:
    assert accounts.get_users([]) == {}


def test_find_deleted_returns_users_without_an_account(alice: UserRow, bob: UserRow) -> None:
    services.suspend(user_id=bob.id)
    assert accounts.find_deleted([alice.id, bob.id, 7]) == {7}
    assert accounts.find_deleted([]) == set()


def test_find_hidden_returns_suspended_users_and_users_without_an_account(
    alice: UserRow, bob: UserRow
) -> None:
    services.suspend(user_id=bob.id)
    assert accounts.find_hidden([alice.id, bob.id, 7]).user_ids == {bob.id, 7}
    assert accounts.find_hidden([]).user_ids == set()


def test_find_hidden_takes_its_time_before_it_reads_the_users(alice: UserRow) -> None:
    read_at = []

    def note_time(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "accounts_user" in sql:
            read_at.append(now_us("accounts"))
        return execute(sql, *rest)

    before = now_us("accounts")
    with connections[alias("accounts")].execute_wrapper(note_time):
        hidden = find_hidden([alice.id])
    assert len(read_at) == 1
    assert before <= hidden.as_of_us <= read_at[0]


def test_a_later_answer_of_find_hidden_has_a_higher_time(alice: UserRow) -> None:
    times = [accounts.find_hidden([alice.id]).as_of_us for _ in range(3)]
    assert times == sorted(set(times))


# Counting tweets


def test_increment_tweets_counts_once_per_key(alice: UserRow) -> None:
    for key, delta in [("1", 1), ("1", 1), ("2", -1), ("3", 5), ("3", 7)]:
        accounts.increment_tweets(user_id=alice.id, delta=delta, idempotency_key=key)
    alice.refresh_from_db()
    assert alice.num_tweets == 5


def test_increment_tweets_by_zero_counts_one(alice: UserRow) -> None:
    accounts.increment_tweets(user_id=alice.id, delta=0, idempotency_key="1")
    alice.refresh_from_db()
    assert alice.num_tweets == 1


def test_a_deletion_may_be_counted_before_its_creation(alice: UserRow) -> None:
    accounts.increment_tweets(user_id=alice.id, delta=-1, idempotency_key="1")
    user = accounts.find_user(user_id=alice.id)
    assert user is not None
    assert user.num_tweets == 0
    accounts.increment_tweets(user_id=alice.id, delta=1, idempotency_key="2")
    alice.refresh_from_db()
    assert alice.num_tweets == 0


def test_increment_tweets_of_an_unknown_user_does_not_use_the_key(alice: UserRow) -> None:
    with pytest.raises(NotFound):
        accounts.increment_tweets(user_id=7, delta=1, idempotency_key="1")
    accounts.increment_tweets(user_id=alice.id, delta=1, idempotency_key="1")
    alice.refresh_from_db()
    assert alice.num_tweets == 1


def test_tweets_of_a_suspended_user_are_counted(alice: UserRow) -> None:
    services.suspend(user_id=alice.id)
    accounts.increment_tweets(user_id=alice.id, delta=1, idempotency_key="1")
    alice.refresh_from_db()
    assert alice.num_tweets == 1


@pytest.mark.parametrize("key", ["", "x" * 65, "a\x00b"])
def test_increment_tweets_needs_a_valid_key(alice: UserRow, key: str) -> None:
    with pytest.raises(Malformed):
        accounts.increment_tweets(user_id=alice.id, delta=1, idempotency_key=key)


@pytest.mark.parametrize("delta", [2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_increment_tweets_refuses_huge_deltas(alice: UserRow, delta: int) -> None:
    with pytest.raises(Malformed):
        accounts.increment_tweets(user_id=alice.id, delta=delta, idempotency_key="1")


def test_a_malformed_id_is_an_unknown_user() -> None:
    request = pb.IncrementTweetsReq(user_id="tweet-3", delta=1, idempotency_key="1")
    with pytest.raises(grpc.RpcError) as raised:
        accounts.stub().IncrementTweets(request)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


# Follows


def test_get_relations_returns_both_directions(
    alice: UserRow, bob: UserRow, carol: UserRow
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=carol, following=bob)
    relations = accounts.get_relations(viewer_id=bob.id, user_ids=[alice.id, carol.id, bob.id, 7])
    assert relations == {
        alice.id: Relation(following=True, followed_by=False),
        carol.id: Relation(following=False, followed_by=True),
        bob.id: Relation(following=False, followed_by=False),
        7: Relation(following=False, followed_by=False),
    }


def test_get_relations_has_a_higher_version_after_each_change(
    alice: UserRow, bob: UserRow, carol: UserRow
) -> None:
    def version(viewer: UserRow) -> int:
        return accounts.get_relations(viewer_id=viewer.id, user_ids=[alice.id])[alice.id].version

    assert version(bob) == 0
    services.follow(follower_id=bob.id, following_id=alice.id)
    services.follow(follower_id=bob.id, following_id=alice.id)  # changes nothing
    assert version(bob) == 1
    services.unfollow(follower_id=bob.id, following_id=alice.id)
    assert version(bob) == 2
    services.follow(follower_id=carol.id, following_id=bob.id)
    assert (version(bob), version(carol), version(alice)) == (2, 1, 0)


def test_remove_follows_deletes_the_follows_of_a_deleted_account(
    alice: UserRow, bob: UserRow
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    assert not accounts.remove_follows(user_id=alice.id)  # the account exists
    services.delete_user(user_id=alice.id)
    assert accounts.remove_follows(user_id=alice.id)
    assert not accounts.remove_follows(user_id=alice.id)
    assert not FollowRow.objects.exists()
    assert not accounts.stub().RemoveFollows(pb.RemoveFollowsReq(user_id="x")).found


def test_follows_of_a_deleted_account_are_no_relation(alice: UserRow, bob: UserRow) -> None:
    services.follow(follower_id=bob.id, following_id=alice.id)
    services.delete_user(user_id=bob.id)
    relations = accounts.get_relations(viewer_id=bob.id, user_ids=[alice.id])
    assert relations == {alice.id: Relation(following=False, followed_by=False)}


def test_an_unknown_viewer_follows_nobody(alice: UserRow) -> None:
    request = pb.GetRelationsReq(viewer_id="x", user_ids=[str(alice.id), "007"])
    (relation,) = accounts.stub().GetRelations(request).relations
    assert (relation.following, relation.followed_by) == (False, False)
    assert accounts.get_relations(viewer_id=1, user_ids=[]) == {}


def make_followers(user: UserRow, count: int) -> list[FollowRow]:
    """New follows of the user, the newest first."""
    return [FollowFactory.create(following=user) for _ in range(count)][::-1]


def test_get_followers_starts_with_the_newest(alice: UserRow) -> None:
    rows = make_followers(alice, 5)
    seen: list[Follow] = []
    cursor: int | None = None
    while not seen or cursor is not None:
        page = accounts.get_followers(user_id=alice.id, cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next
    assert [follow.id for follow in seen] == [row.id for row in rows]
    assert seen[0] == Follow(
        id=rows[0].id,
        follower_id=rows[0].follower_id,
        following_id=alice.id,
        created_at=rows[0].created_at,
    )


def test_get_following_starts_with_the_newest(alice: UserRow) -> None:
    rows = [FollowFactory.create(follower=alice) for _ in range(3)]
    page = accounts.get_following(user_id=alice.id, limit=2)
    assert [follow.following_id for follow in page.items] == [
        rows[2].following_id,
        rows[1].following_id,
    ]
    assert page.next == rows[1].id
    assert list(accounts.iter_following_ids(alice.id)) == [
        row.following_id for row in reversed(rows)
    ]


def test_lists_leave_suspended_users_out_but_fan_out_includes_them(
    alice: UserRow, bob: UserRow
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=alice, following=bob)
    services.suspend(user_id=bob.id)
    assert accounts.get_followers(user_id=alice.id).items == []
    assert accounts.get_following(user_id=alice.id).items == []
    assert accounts.get_follower_ids(user_id=alice.id).items == [bob.id]


def test_get_follower_ids_returns_ascending_ids(alice: UserRow) -> None:
    ids = sorted(row.follower_id for row in make_followers(alice, 5))
    first = accounts.get_follower_ids(user_id=alice.id, limit=3)
    assert (list(first.items), first.next) == (ids[:3], ids[2])
    last = accounts.get_follower_ids(user_id=alice.id, after_id=ids[2], limit=3)
    assert (list(last.items), last.next) == (ids[3:], None)


def test_get_follower_ids_has_no_next_page_after_a_full_last_page(alice: UserRow) -> None:
    make_followers(alice, 3)
    assert accounts.get_follower_ids(user_id=alice.id, limit=3).next is None


@pytest.mark.parametrize("limit", [2, 3, 4, 5, 10])
def test_first_follower_ids_of_several_users_equal_those_of_each(
    alice: UserRow, bob: UserRow, carol: UserRow, limit: int
) -> None:
    make_followers(alice, 2)
    make_followers(carol, 3)
    user_ids = [carol.id, alice.id, 7, bob.id]
    found = list(accounts.iter_first_follower_ids(user_ids, limit))
    assert [id for id, _ in found] == sorted(user_ids)
    for user_id, page in found:
        expected = accounts.get_follower_ids(user_id=user_id, limit=limit)
        assert (list(page.items), page.next) == (list(expected.items), expected.next)


def test_an_answer_has_all_followers_of_another_user_or_none(
    alice: UserRow, bob: UserRow, carol: UserRow
) -> None:
    make_followers(alice, 2)
    make_followers(carol, 3)
    others = [str(carol.id), str(bob.id), "x"]
    for limit, expected in {4: {bob.id: 0}, 5: {bob.id: 0, carol.id: 3}, 1: {}}.items():
        answer = accounts.stub().GetFollowerIds(
            pb.GetFollowerIdsReq(user_id=str(alice.id), limit=limit, other_user_ids=others)
        )
        found = {int(other.user_id): len(other.follower_ids) for other in answer.others}
        assert found == expected


def test_an_answer_serves_1000_other_users_at_most() -> None:
    request = pb.GetFollowerIdsReq(user_id="7", other_user_ids=map(str, range(1, 1002)))
    with pytest.raises(grpc.RpcError) as raised:
        accounts.stub().GetFollowerIds(request)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_an_unknown_user_has_no_follows() -> None:
    assert accounts.get_followers(user_id=7).items == []
    assert accounts.get_following(user_id=7).items == []
    assert list(accounts.get_follower_ids(user_id=7).items) == []
    assert (
        list(accounts.stub().GetFollowerIds(pb.GetFollowerIdsReq(user_id="x")).follower_ids) == []
    )


# Limits

OVER_THE_LIMIT: dict[str, Callable[[], object]] = {
    "1,001 users": lambda: accounts.get_users(range(1, 1002)),
    "1,001 relations": lambda: accounts.get_relations(viewer_id=1, user_ids=range(1, 1002)),
    "1,001 users in find_deleted": lambda: accounts.find_deleted(range(1, 1002)),
    "1,001 users in find_hidden": lambda: accounts.find_hidden(range(1, 1002)),
    "5,001 followers": lambda: accounts.get_followers(user_id=1, limit=5001),
    "5,001 followed": lambda: accounts.get_following(user_id=1, limit=5001),
    "10,001 follower ids": lambda: accounts.get_follower_ids(user_id=1, limit=10_001),
    "-1 followers": lambda: accounts.get_followers(user_id=1, limit=-1),
    "-1 follower ids": lambda: accounts.get_follower_ids(user_id=1, limit=-1),
    "a cursor past all ids": lambda: accounts.get_follower_ids(user_id=1, after_id=MAX_ID + 1),
}


@pytest.mark.parametrize("request_name", OVER_THE_LIMIT)
def test_requests_over_the_limit_are_malformed(request_name: str) -> None:
    with pytest.raises(Malformed):
        OVER_THE_LIMIT[request_name]()


def test_requests_at_the_limit_are_answered(alice: UserRow) -> None:
    assert accounts.get_users([*range(1, 1000), alice.id]).keys() == {alice.id}
    assert len(accounts.get_relations(viewer_id=1, user_ids=range(1, 1001))) == 1000
    assert accounts.get_followers(user_id=1, limit=5000).items == []
    assert list(accounts.get_follower_ids(user_id=1, limit=10_000).items) == []


def test_a_malformed_cursor_is_an_error(alice: UserRow) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        accounts.stub().GetFollowers(pb.GetFollowersReq(user_id=str(alice.id), cursor="x"))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_the_default_page_has_100_follows(alice: UserRow) -> None:
    users = [UserFactory.build() for _ in range(101)]
    UserRow.objects.bulk_create(users)
    FollowRow.objects.bulk_create(
        [FollowFactory.build(follower=user, following=alice) for user in users]
    )
    answer = accounts.stub().GetFollowers(pb.GetFollowersReq(user_id=str(alice.id)))
    assert len(answer.follows) == 100
    assert answer.next_cursor == answer.follows[-1].id
