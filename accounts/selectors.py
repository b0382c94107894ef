"""Reads of users, follows and counters. They exclude suspended users unless a docstring differs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from django.db.models import Count, Q, QuerySet

from accounts import models, permissions
from accounts.usernames import is_username
from common.db import now_us
from common.drift import Drift, find_drift
from common.errors import NotFound
from common.http.pagination import Page, cut
from common.ids import MAX_ID, find_named_id
from grpc_services.clients.accounts import Follow, Hidden, Relation, User

# The columns that everyone may see have the names of the fields of `User`.
_PUBLIC = tuple(field.name for field in fields(User))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user and the viewer's relation to them, which is None for an anonymous viewer."""

    user: User
    relation: Relation | None


# The side of a follow on which a list's users are.
Side = Literal["follower_id", "following_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFollow:
    """A follow, and the user on the listed side of it."""

    follow: Follow
    person: Person


def _shown(row: Iterable[Any]) -> User:
    """Maps the public columns of a row; every read goes through here."""
    columns = dict(zip(_PUBLIC, row, strict=True))
    columns["display_name"] = columns["display_name"] or columns["username"]
    columns["num_tweets"] = max(0, columns["num_tweets"])  # a deletion may be counted first
    return User(**columns)


def as_shown(row: models.User) -> User:
    return _shown(getattr(row, name) for name in _PUBLIC)


def as_follow(row: models.Follow) -> Follow:
    return Follow(
        id=row.id,
        follower_id=row.follower_id,
        following_id=row.following_id,
        created_at=row.created_at,
    )


# Users


def get_account(user_id: int) -> models.User:
    """The viewer's own row. Raises `Unauthenticated` if it is deleted or suspended."""
    row: models.User | None = models.User.objects.filter(id=user_id).first()
    permissions.use_account.check(row)
    assert row is not None  # refused by the rule
    return row


def get_user(name: str) -> User:
    """Finds by id or by username, ignoring case. Raises `NotFound`."""
    user_id = find_named_id(name)
    user = find_user_named(name) if user_id is None else find_user(user_id)
    if user is None:
        raise NotFound("there is no such user")
    return user


def get_person(name: str, *, viewer_id: int | None) -> Person:
    user = get_user(name)
    relation = None if viewer_id is None else get_relations(viewer_id, [user.id])[user.id]
    return Person(user=user, relation=relation)


def find_user(user_id: int) -> User | None:
    return get_users([user_id]).get(user_id)


def find_user_named(username: str) -> User | None:
    if not is_username(username):
        return None
    row = models.User.objects.active().named(username).values_list(*_PUBLIC).first()
    return _shown(row) if row else None


def get_users(user_ids: Collection[int]) -> dict[int, User]:
    """The users that exist, by id, in one query."""
    rows = models.User.objects.active().filter(id__in=user_ids).values_list(*_PUBLIC)
    return {user.id: user for user in map(_shown, rows)}


def get_people(user_ids: Collection[int], *, viewer_id: int | None) -> dict[int, Person]:
    """The users that exist, by id, with the viewer's relation to each: two queries."""
    users = get_users(user_ids)
    relations = {} if viewer_id is None else get_relations(viewer_id, users)
    return {id: Person(user=user, relation=relations.get(id)) for id, user in users.items()}


def find_deleted(user_ids: Collection[int]) -> set[int]:
    """The ids without an account, in one query. A suspended account is not deleted."""
    existing = models.User.objects.filter(id__in=user_ids).values_list("id", flat=True)
    return set(user_ids).difference(existing)


def find_hidden(user_ids: Collection[int]) -> Hidden:
    """The ids of suspended or deleted users.

    Reads the time before the users. An answer that predates a change then has a time before the
    change's commit, so an answer from after the commit always has a higher time.
    """
    as_of_us = now_us("accounts")
    visible = models.User.objects.active().filter(id__in=user_ids).values_list("id", flat=True)
    return Hidden(user_ids=frozenset(user_ids).difference(visible), as_of_us=as_of_us)


# Follows


def get_relations(viewer_id: int, user_ids: Collection[int]) -> dict[int, Relation]:
    """One relation per id, unknown ids included, in one query."""
    pairs = models.Follow.objects.values_list("follower_id", "following_id")
    ours = pairs.filter(follower_id=viewer_id, following_id__in=user_ids)
    theirs = pairs.filter(following_id=viewer_id, follower_id__in=user_ids)
    found = set(ours.union(theirs, all=True))
    return {
        id: Relation(following=(viewer_id, id) in found, followed_by=(id, viewer_id) in found)
        for id in user_ids
    }


def find_follows_version(user_id: int) -> int | None:
    """The version of the user's follows, or None without an account.

    Read it before the follows: then it is theirs or older, never newer.
    """
    versions = models.User.objects.filter(id=user_id).values_list("follows_version", flat=True)
    version: int | None = versions.first()
    return version


def get_followers(user_id: int, *, cursor: int | None, limit: int) -> Page[Follow]:
    """The follows of the user's followers, newest first."""
    rows = models.Follow.objects.filter(following_id=user_id, follower__suspended_at=None)
    return _page(rows, cursor, limit)


def get_following(user_id: int, *, cursor: int | None, limit: int) -> Page[Follow]:
    """The user's own follows, newest first."""
    rows = models.Follow.objects.filter(follower_id=user_id, following__suspended_at=None)
    return _page(rows, cursor, limit)


def list_follows(
    user_id: int, *, listed: Side, viewer_id: int | None, cursor: int | None, limit: int
) -> Page[ListedFollow]:
    """A page of the user's followers or followed users, in at most three queries.

    Skips users who are deleted or suspended after the first query.
    """
    select = get_followers if listed == "follower_id" else get_following
    page = select(user_id, cursor=cursor, limit=limit)
    ids = [getattr(follow, listed) for follow in page.items]
    people = get_people(ids, viewer_id=viewer_id)
    shown = [
        ListedFollow(follow=follow, person=people[id])
        for follow, id in zip(page.items, ids, strict=True)
        if id in people
    ]
    return Page(shown, page.next)


def _page(rows: QuerySet[models.Follow], cursor: int | None, limit: int) -> Page[Follow]:
    if cursor is not None:
        rows = rows.filter(id__lt=cursor)
    columns = rows.order_by("-id").values_list("id", "follower_id", "following_id", "created_at")
    page = cut(list(columns[: limit + 1]), limit, key=lambda row: row[0])
    follows = [
        Follow(id=id, follower_id=follower_id, following_id=following_id, created_at=created_at)
        for id, follower_id, following_id, created_at in page.items
    ]
    return Page(follows, page.next)


def get_follower_ids(user_id: int, *, after_id: int, limit: int) -> Page[int]:
    """Ascending. Includes suspended followers, whose timelines stay up to date."""
    rows = models.Follow.objects.filter(following_id=user_id, follower_id__gt=after_id)
    ids = rows.order_by("follower_id").values_list("follower_id", flat=True)
    return cut(list(ids[: limit + 1]), limit, key=lambda id: id)


def get_all_follower_ids(user_ids: Collection[int], *, limit: int) -> dict[int, list[int]]:
    """All followers of each user, for as many users (by id) as have `limit` followers together.

    Leaves out users whose followers do not all fit. One query reads at most `limit + 1` rows.
    """
    rows = models.Follow.objects.filter(following_id__in=user_ids)
    pairs = list(
        rows.order_by("following_id", "follower_id").values_list("following_id", "follower_id")[
            : limit + 1
        ]
    )
    cut_off = pairs[-1][0] if len(pairs) > limit else MAX_ID + 1
    found: dict[int, list[int]] = {id: [] for id in sorted(user_ids) if id < cut_off}
    for user_id, follower_id in pairs:
        if user_id < cut_off:
            found[user_id].append(follower_id)
    return found


# Counters


def find_follow_drift(*, after_id: int = 0, limit: int = 1000) -> Page[Drift]:
    """Compares the follow counters of a page of users with the rows, in three queries.

    `limit` counts users; `next` is an `after_id`. A follow that commits between the queries looks
    like drift: `services.repair_follow_counters` rechecks under a lock.
    """
    users = models.User.objects.filter(id__gt=after_id).order_by("id")
    page = cut(list(users[: limit + 1]), limit, key=lambda user: user.id)
    return Page(follow_drift(page.items), page.next)


def follow_drift(users: Sequence[models.User]) -> list[Drift]:
    ids = [user.id for user in users]
    counted = {
        "num_followers": _count_by("following_id", ids),
        "num_following": _count_by("follower_id", ids),
    }
    return find_drift("user", users, counted)


def _count_by(side: Side, ids: Sequence[int]) -> dict[int, int]:
    rows = models.Follow.objects.filter(Q((f"{side}__in", ids))).order_by()
    return dict(rows.values_list(side).annotate(Count("id")))


def get_tweet_counters(*, after_id: int = 0, limit: int = 1000) -> Page[tuple[int, int]]:
    """Pairs of user id and stored `num_tweets`, which may be negative, in order of id."""
    users = models.User.objects.filter(id__gt=after_id).order_by("id")
    pairs = users.values_list("id", "num_tweets")
    return cut(list(pairs[: limit + 1]), limit, key=lambda pair: pair[0])
