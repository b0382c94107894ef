"""The JSON of accounts, follows and tokens, as pure functions."""

from accounts.models import User
from accounts.selectors import ListedFollow, Person, as_shown
from accounts.serializers import FOLLOW
from accounts.tokens import TokenPair
from common.http.pagination import Page, format_cursor
from grpc_services.clients.accounts import Follow
from hydration.shapes import Json, show, show_user


def show_account(row: User) -> Json:
    """The account as its owner sees it."""
    return show_user(as_shown(row)) | {"email": row.email}


def show_tokens(tokens: TokenPair) -> dict[str, str]:
    return {"token": tokens.token, "refresh": tokens.refresh}


def show_person(person: Person) -> Json:
    return show_user(person.user, relation=person.relation)


def show_follow(follow: Follow) -> Json:
    return show(FOLLOW, follow)


def show_users(page: Page[ListedFollow]) -> Json:
    users = [show_person(listed.person) for listed in page.items]
    return {"users": users, "next": format_cursor(page.next)}


def show_follows(page: Page[ListedFollow]) -> Json:
    result = [
        show_follow(listed.follow) | {"user": show_person(listed.person)} for listed in page.items
    ]
    return {"result": result, "next": format_cursor(page.next)}
