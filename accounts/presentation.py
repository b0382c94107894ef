"""The JSON of accounts, follows and tokens, as pure functions."""

from typing import Any

from accounts.models import User
from accounts.selectors import ListedFollow, Person, as_shown
from accounts.tokens import TokenPair
from common.http.pagination import Page, format_cursor
from common.times import format_time
from grpc_services.clients.accounts import Follow
from hydration.shapes import show_user


def show_account(row: User) -> dict[str, Any]:
    """The account as its owner sees it."""
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


def show_users(page: Page[ListedFollow]) -> dict[str, Any]:
    users = [show_person(listed.person) for listed in page.items]
    return {"users": users, "next": format_cursor(page.next)}


def show_follows(page: Page[ListedFollow]) -> dict[str, Any]:
    result = [
        show_follow(listed.follow) | {"user": show_person(listed.person)} for listed in page.items
    ]
    return {"result": result, "next": format_cursor(page.next)}
