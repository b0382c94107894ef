"""How accounts' own things look in JSON. All of it is pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.models import User
from accounts.selectors import Person, as_shown
from accounts.tokens import TokenPair
from common.http.pagination import Page, format_cursor
from common.times import format_time
from grpc_services.clients.accounts import Follow
from hydration.shapes import show_user


def show_account(row: User) -> dict[str, Any]:
    """To the user itself."""
    return show_user(as_shown(row)) | {"email": row.email}


def show_tokens(tokens: TokenPair) -> dict[str, str]:
    return {"token": tokens.token, "refresh": tokens.refresh}


def show_person(person: Person) -> dict[str, Any]:
    return show_user(person.user, relation=person.relation)


def show_follow(follow: Follow) -> dict[str, str]:
    return {
        "id": str(follow.id),
        "follower_id": str(follow.follower_id),
        "following_id": str(follow.following_id),
        "created_at": format_time(follow.created_at),
    }


def show_users(
    ids: Sequence[int], people: Mapping[int, Person], next: int | None
) -> dict[str, Any]:
    """Without whoever was deleted or suspended since the ids were read."""
    users = [show_person(people[id]) for id in ids if id in people]
    return {"users": users, "next": format_cursor(next)}


def show_follows(
    page: Page[Follow], others: Sequence[int], people: Mapping[int, Person]
) -> dict[str, Any]:
    """Each with its user, who is the one of `others` in the same place."""
    result = [
        show_follow(follow) | {"user": show_person(people[other])}
        for follow, other in zip(page.items, others, strict=True)
        if other in people
    ]
    return {"result": result, "next": format_cursor(page.next)}
