"""Every route, method and RPC answers each kind of caller as `permission_table` says."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services, tokens
from accounts.models import User
from accounts.tokens import TokenPair
from common.revocation import revocations, revoke
from messaging.models import OutboxEvent
from tests.factories import PASSWORD, FollowFactory, TweetFactory, UserFactory
from tests.unit.project import permission_table
from tests.unit.project.permission_table import ROLES
from tweets.models import Like, Tweet

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MADE_UP = "made up"


@dataclass(frozen=True)
class Row:
    method: str
    route: str
    expected: dict[str, int]  # by role

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def rows(table: str) -> list[Row]:
    head, *lines = (line.split() for line in table.splitlines() if line)
    assert tuple(head) == ROLES
    return [
        Row(method, route, dict(zip(ROLES, map(int, statuses), strict=True)))
        for method, route, *statuses in lines
    ]


def cells(table: str) -> list[Any]:
    return [pytest.param(row, role, id=f"{row} by {role}") for row in rows(table) for role in ROLES]


API = rows(permission_table.API)
ADMIN = rows(permission_table.ADMIN)


# Every route has its rows


def routes() -> dict[str, Any]:
    """What answers at each address."""
    found = _walk(get_resolver(), "")
    return {f"/{_readable(address)}": pattern.callback for address, pattern in found}


def _readable(address: str) -> str:
    """Converters and regular expressions are left out: /tweet/<tweet_id>."""
    return re.sub(r"<\w+:(\w+)>|\^?\(\?P<(\w+)>.*?\)(/?)\$", r"<\1\2>\3", address)


def _walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, address)
        else:
            yield address, pattern


def methods(route: str, view: Any) -> set[str]:
    if route.startswith("/admin/"):
        return {"GET", "POST"}
    view_class = getattr(view, "view_class", None)
    return {"GET"} if view_class is None else {m for m in METHODS if hasattr(view_class, m.lower())}


def test_every_route_and_method_has_a_row_and_every_row_exists() -> None:
    answered = {
        f"{method} {route}" for route, view in routes().items() for method in methods(route, view)
    }
    assert answered == {str(row) for row in API + ADMIN}


# What the rows are about


class World:
    """The five, what the owner has, and what there is to send."""

    def __init__(self) -> None:
        encoded = make_password(PASSWORD)
        self.users = {
            role: UserFactory.create(
                username=role,
                password=encoded,
                is_staff=role == "staff",
                is_superuser=role == "staff",
            )
            for role in ROLES[1:]
        }
        self.owner: User = self.users["owner"]
        self.friend = FollowFactory.create(follower=self.owner, following__username="friend")
        self.tweet: Tweet = TweetFactory.create(user_id=self.owner.id)
        self.like = Like.objects.create(
            tweet=self.tweet, user_id=self.owner.id, created_at=timezone.now()
        )
        self.group = Group.objects.create(name="moderators")
        self.suspend("suspended")

    def suspend(self, role: str) -> None:
        user = self.users[role]
        services.suspend(user_id=user.id)
        revoke(user.id, before_epoch=1)  # the test's transaction never commits
        revocations.forget()

    def ask(self, method: str, route: str, role: str) -> Any:
        client = APIClient()
        pair = self._tokens(role)
        if pair:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.token}")
        body = self._body(f"{method} {route}", role, pair.refresh if pair else MADE_UP)
        return client.generic(method, self._address(route), body, content_type="application/json")

    def _tokens(self, role: str) -> TokenPair | None:
        """Those of the first session, which a suspension has ended."""
        user = self.users.get(role)
        if user is None:
            return None
        user.session_epoch = 0
        return tokens.issue(user)

    def ask_admin(self, method: str, route: str, role: str) -> int:
        """The status. Deletions are confirmed."""
        client = Client()
        if role in self.users:
            client.force_login(self.users[role])
        if method == "POST":
            return client.post(self._admin_address(route), {"post": "yes"}).status_code
        return client.get(self._admin_address(route)).status_code

    def _admin_address(self, route: str) -> str:
        """Of the row of its kind that is there."""
        ids = {
            "/admin/accounts/user/": self.owner.id,
            "/admin/accounts/follow/": self.friend.id,
            "/admin/tweets/tweet/": self.tweet.id,
            "/admin/tweets/like/": self.like.id,
            "/admin/messaging/outboxevent/": OutboxEvent.objects.latest("id").id,
            "/admin/auth/group/": self.group.id,
        }
        for kind, id in ids.items():
            if route.startswith(kind):
                route = route.replace("<object_id>", str(id))
        user_type = ContentType.objects.get_for_model(User).pk
        return (
            route.replace("<content_type_id>/<object_id>", f"{user_type}/{self.owner.id}")
            .replace("<app_label>", "accounts")
            .replace("<url>", "no/such/page/")
        )

    def _address(self, route: str) -> str:
        values = {
            "<name>": self.owner.username,
            "<tweet_id>": str(self.tweet.id),
            "<following_id>": str(self.friend.following_id),
        }
        for name, value in values.items():
            route = route.replace(name, value)
        return f"{route}?q=hello" if route == "/search" else route

    def _body(self, call: str, role: str, refresh: str) -> str:
        content = {"content": "hello"}
        bodies: dict[str, Any] = {
            "POST /users/register": {
                "email": "new@example.com",
                "username": "newcomer",
                "password": PASSWORD,
            },
            "POST /users/login": {"email": f"{role}@example.com", "password": PASSWORD},
            "POST /users/refresh": {"refresh": refresh},
            "POST /users/logout": {"refresh": refresh},
            "PATCH /users/me": {"bio": "hello"},
            "DELETE /users/me": {"password": PASSWORD},
            "POST /users/me/password": {"password": PASSWORD, "new_password": "pass1234"},
            "POST /follow": {"following_id": str(self.owner.id)},
            "POST /tweet": content,
            "POST /tweet/<tweet_id>/reply": content,
        }
        return json.dumps(bodies[call]) if call in bodies else ""


@pytest.fixture
def world(db: None, empty_redis: None) -> World:
    return World()


# The answers


@pytest.mark.parametrize(("row", "role"), cells(permission_table.API))
def test_the_api_answers_as_the_table_says(world: World, row: Row, role: str) -> None:
    answer = world.ask(row.method, row.route, role)
    assert answer.status_code == row.expected[role], answer.content


@pytest.mark.parametrize(("row", "role"), cells(permission_table.OF_THE_SUSPENDED))
def test_what_the_suspended_have_is_there_for_nobody(world: World, row: Row, role: str) -> None:
    world.suspend("owner")
    answer = world.ask(row.method, row.route, role)
    assert answer.status_code == row.expected[role], answer.content


@pytest.mark.parametrize("route", sorted({row.route for row in API}))
def test_no_route_knows_another_method(world: World, route: str) -> None:
    known = {row.method for row in API if row.route == route}
    for method in {*METHODS, "TRACE", "BREW"} - known:
        for role in ROLES:
            answer = world.ask(method, route, role)
            is_stranger = role in ("nobody", "suspended")
            assert answer.status_code in ((401, 405) if is_stranger else (405,)), (method, role)


@pytest.mark.parametrize("role", ROLES[:-1])
def test_the_admin_turns_others_than_staff_away(world: World, role: str) -> None:
    answers = {}
    for row in ADMIN:
        answers[str(row)] = world.ask_admin(row.method, row.route, role)
    assert answers == {str(row): row.expected[role] for row in ADMIN}


@pytest.mark.parametrize("row", ADMIN, ids=str)
def test_the_admin_answers_staff_as_the_table_says(world: World, row: Row) -> None:
    assert world.ask_admin(row.method, row.route, "staff") == row.expected["staff"]
