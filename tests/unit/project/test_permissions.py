"""Every route, method and RPC answers as `permission_table` says."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from rest_framework.test import APIClient

from accounts import services, tokens
from accounts.models import User
from accounts.tokens import TokenPair
from common.http.revocation import revocations, revoke
from grpc_services import credentials
from grpc_services.generated import tweet_service_pb2, user_service_pb2
from grpc_services.generated.tweet_service_pb2_grpc import TweetStub
from grpc_services.generated.user_service_pb2_grpc import UserStub
from grpc_services.servers import Server
from messaging.models import OutboxEvent
from tests.support.factories import PASSWORD, FollowFactory, TweetFactory, UserFactory
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
    """The view at each route."""
    found = _walk(get_resolver(), "")
    return {f"/{_readable(address)}": pattern.callback for address, pattern in found}


def _readable(address: str) -> str:
    """Removes converters and regular expressions: /tweet/<tweet_id>."""
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


# The scenario of the tables


class Scenario:
    """A user for each role, the owner's objects, and a valid body for each call."""

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
        revoke(
            user.id, before_epoch=1
        )  # by hand: the hook on commit never runs in a test's transaction
        revocations.forget()

    def ask(self, method: str, route: str, role: str) -> Any:
        client = APIClient()
        pair = self._tokens(role)
        if pair:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.token}")
        body = self._body(f"{method} {route}", role, pair.refresh if pair else MADE_UP)
        return client.generic(method, self._address(route), body, content_type="application/json")

    def _tokens(self, role: str) -> TokenPair | None:
        """Tokens of the first epoch, which a suspension ends."""
        user = self.users.get(role)
        if user is None:
            return None
        user.session_epoch = 0
        return tokens.issue(user)

    def ask_admin(self, method: str, route: str, role: str) -> int:
        """Returns the status. Confirms deletions."""
        client = Client()
        if role in self.users:
            client.force_login(self.users[role])
        if method == "POST":
            return client.post(self._admin_address(route), {"post": "yes"}).status_code
        return client.get(self._admin_address(route)).status_code

    def _admin_address(self, route: str) -> str:
        """Fills in the id of the existing row of the route's model."""
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
def scenario(db: None, empty_redis: None) -> Scenario:
    return Scenario()


# HTTP


@pytest.mark.parametrize(("row", "role"), cells(permission_table.API))
def test_the_api_answers_as_the_table_says(scenario: Scenario, row: Row, role: str) -> None:
    response = scenario.ask(row.method, row.route, role)
    assert response.status_code == row.expected[role], response.content


@pytest.mark.parametrize(("row", "role"), cells(permission_table.OF_THE_SUSPENDED))
def test_nobody_reaches_objects_of_a_suspended_user(
    scenario: Scenario, row: Row, role: str
) -> None:
    scenario.suspend("owner")
    response = scenario.ask(row.method, row.route, role)
    assert response.status_code == row.expected[role], response.content


@pytest.mark.parametrize("route", sorted({row.route for row in API}))
def test_a_route_refuses_every_other_method(scenario: Scenario, route: str) -> None:
    known = {row.method for row in API if row.route == route}
    for method in {*METHODS, "TRACE", "BREW"} - known:
        for role in ROLES:
            response = scenario.ask(method, route, role)
            may_be_unauthenticated = role in ("nobody", "suspended")
            assert response.status_code in ((401, 405) if may_be_unauthenticated else (405,)), (
                method,
                role,
            )


@pytest.mark.parametrize("route", sorted({row.route for row in API}))
def test_allow_lists_exactly_the_methods_of_a_route(scenario: Scenario, route: str) -> None:
    known = {row.method for row in API if row.route == route}
    refused = scenario.ask("OPTIONS", route, "owner")
    assert refused.status_code == 405
    assert set(refused["Allow"].split(", ")) == known | ({"HEAD"} if "GET" in known else set())


@pytest.mark.parametrize("role", ROLES[:-1])
def test_the_admin_answers_everyone_but_staff_as_the_table_says(
    scenario: Scenario, role: str
) -> None:
    answers = {}
    for row in ADMIN:
        answers[str(row)] = scenario.ask_admin(row.method, row.route, role)
    assert answers == {str(row): row.expected[role] for row in ADMIN}


@pytest.mark.parametrize("row", ADMIN, ids=str)
def test_the_admin_answers_staff_as_the_table_says(scenario: Scenario, row: Row) -> None:
    assert scenario.ask_admin(row.method, row.route, "staff") == row.expected["staff"]


# gRPC

_FILES = {"accounts": user_service_pb2, "tweets": tweet_service_pb2}
_STUBS = {"accounts": UserStub, "tweets": TweetStub}
RPC = {
    name: dict(zip(ROLES, answers, strict=True))
    for name, *answers in (line.split() for line in permission_table.RPC.splitlines()[2:])
}


def rpcs() -> dict[str, tuple[str, MethodDescriptor]]:
    """Every method of every gRPC service, with the app that serves it."""
    return {
        f"{described.full_name}/{method.name}": (service, method)
        for service, file in _FILES.items()
        for described in file.DESCRIPTOR.services_by_name.values()
        for method in described.methods
    }


def test_every_rpc_has_a_row_and_every_row_exists() -> None:
    assert set(rpcs()) == set(RPC)


@pytest.fixture
def grpc_channels(transactional_db: None, settings: Any) -> Iterator[dict[str, grpc.Channel]]:
    """Channels to servers that require a token. Their threads see committed rows only."""
    settings.GRPC_TOKEN_KEYS = ["k" * 32]
    with ExitStack() as running:
        channels = {}
        for service in _FILES:
            server = Server(service, "127.0.0.1:0")
            server.start()
            running.callback(server.stop)
            channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
            channels[service] = running.enter_context(channel)
        yield channels


def test_every_rpc_answers_as_the_table_says(grpc_channels: dict[str, grpc.Channel]) -> None:
    scenario = Scenario()
    answers = {
        name: {
            role: _ask(grpc_channels[service], service, method, scenario, role) for role in ROLES
        }
        for name, (service, method) in rpcs().items()
    }
    assert answers == RPC


def _ask(
    channel: grpc.Channel, service: str, method: MethodDescriptor, scenario: Scenario, role: str
) -> str:
    ids: dict[str, Any] = {
        "user_id": str(scenario.users[role].id if role in scenario.users else 1),
        "tweet_ids": [str(scenario.tweet.id)],
        "idempotency_key": role,
    }
    ids |= {"viewer_id": ids["user_id"], "user_ids": [ids["user_id"]]}
    ids |= {"author_ids": ids["user_ids"]}
    asked = method.input_type
    request = message_factory.GetMessageClass(asked)(
        **{field: value for field, value in ids.items() if field in asked.fields_by_name}
    )
    metadata = None if role == "nobody" else credentials.metadata(service)
    call = getattr(_STUBS[service](channel), method.name)
    try:
        response = call(request, timeout=10, metadata=metadata)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "found" if response.ByteSize() else "none"
