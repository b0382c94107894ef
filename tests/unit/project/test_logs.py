"""The log of requests, and the secrets that it must not hold."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from accounts.models import User
from common.observability.logs import Context, JSONFormatter, log_context, redact
from tests.support.factories import PASSWORD

SECRET = "zebra-secret"
EMAIL = f"{SECRET}@example.com"
TOKEN = f"eyJ{SECRET}.eyJ{SECRET}.{SECRET}"

SignIn = Callable[[User], APIClient]


class Broken(APIView):
    """Raises an error that quotes the request, as a database driver quotes a row."""

    permission_classes = ()

    def post(self, request: Request) -> Response:
        sent: Any = request.data
        raise ValueError(f"DETAIL: Key (email)=({sent['email']}) is there; {sent}")


urlpatterns = [path("broken", Broken.as_view())]


class Log:
    def __init__(self) -> None:
        self.written = io.StringIO()

    @property
    def text(self) -> str:
        return self.written.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [
            line for line in self.lines if line["logger"] == "twitter_project.request_telemetry"
        ]


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    """The log as production writes it."""
    settings.ACCESS_LOG = True
    log = Log()
    handler = logging.StreamHandler(log.written)
    handler.addFilter(Context())
    handler.setFormatter(JSONFormatter())
    logging.getLogger().addHandler(handler)
    yield log
    logging.getLogger().removeHandler(handler)


def test_a_request_is_one_line_of_json(
    alice: User, sign_in: SignIn, log: Log, settings: Settings
) -> None:
    api = sign_in(alice)

    api.get("/users/alice?cursor=zebra", HTTP_X_REQUEST_ID="from-the-gateway-1")

    line = log.requests[-1]
    assert line.pop("ms") > 0
    assert line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "twitter_project.request_telemetry",
        "message": "GET /users/<str:name> 200",
        "method": "GET",
        "route": "/users/<str:name>",
        "status": 200,
        "request_id": "from-the-gateway-1",
        "user_id": str(alice.id),
    }


def test_every_line_of_a_request_has_its_id(api: APIClient, log: Log, settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__

    answer = api.post("/broken", {"email": EMAIL})

    assert answer.status_code == 500
    assert {line["request_id"] for line in log.lines} == {answer["X-Request-ID"]}
    assert any("Traceback" in line.get("exc_info", "") for line in log.lines)


def test_two_requests_have_two_ids(api: APIClient, db: None) -> None:
    first, second = (api.get("/users/nobody")["X-Request-ID"] for _ in range(2))

    assert first != second
    assert len(first) >= 16


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space", "new\nline-1234", "“quotes”"])
def test_a_malformed_request_id_is_replaced(given: str, api: APIClient, db: None) -> None:
    answer = api.get("/users/nobody", HTTP_X_REQUEST_ID=given)

    assert answer["X-Request-ID"] != given


def test_requests_are_not_logged_by_default(
    api: APIClient, db: None, log: Log, settings: Settings
) -> None:
    settings.ACCESS_LOG = False

    api.get("/users/nobody")

    assert not log.lines


def test_no_request_leaves_a_secret_in_the_log(alice: User, sign_in: SignIn, log: Log) -> None:
    """Calls every operation of the schema with secrets in all inputs."""
    body = {
        "email": EMAIL, "username": SECRET, "password": SECRET, "new_password": SECRET,
        "refresh": TOKEN, "display_name": SECRET, "bio": SECRET, "content": SECRET,
        "following_id": SECRET,
    }  # fmt: skip
    signed_in, anonymous, forger = sign_in(alice), APIClient(), APIClient()
    forger.credentials(HTTP_AUTHORIZATION=f"Bearer {TOKEN}", HTTP_COOKIE=f"sessionid={SECRET}")
    for address, calls in Client().get("/schema").json()["paths"].items():
        for method in calls:
            for api in (signed_in, anonymous, forger):
                path = address.replace("{name}", EMAIL).split("{")[0] + SECRET * ("{" in address)
                api.generic(
                    method.upper(), f"{path}?q={SECRET}&cursor={TOKEN}&token={SECRET}",
                    json.dumps(body), content_type="application/json",
                )  # fmt: skip
                api.generic(method.upper(), path, f'{{"password": "{SECRET}",', "application/json")

    assert len(log.requests) > 100
    assert SECRET not in log.text


def test_signing_in_leaves_no_secret_in_the_log(api: APIClient, log: Log, db: None) -> None:
    identity = {"email": EMAIL, "username": "zebra", "password": f"{SECRET}-1"}
    answer = api.post("/users/register", identity).json()
    api.post("/users/register", identity)
    tokens = [answer["token"], answer["refresh"]]
    for password in (identity["password"], SECRET):
        answer = api.post("/users/login", {"email": EMAIL, "password": password}).json()
        tokens += [answer.get("token", ""), answer.get("refresh", "")]
    api.post("/users/refresh", {"refresh": tokens[1]})
    api.post("/users/refresh", {"refresh": tokens[1]})

    assert {line["status"] for line in log.requests} == {200, 401, 409}
    assert SECRET not in log.text
    for token in filter(None, tokens):
        assert token not in log.text
        assert token.split(".")[2] not in log.text


def test_the_admin_leaves_no_secret_in_the_log(client: Client, log: Log, db: None) -> None:
    User.objects.create_superuser(username="root", email=EMAIL, password=PASSWORD)

    client.post("/admin/login/", {"username": EMAIL, "password": SECRET})
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    client.get("/admin/accounts/user/", {"q": EMAIL})

    assert [line["status"] for line in log.requests] == [200, 302, 200]
    assert SECRET not in log.text


def test_an_exception_that_quotes_secrets_is_logged_without_them(
    api: APIClient, log: Log, settings: Settings
) -> None:
    settings.ROOT_URLCONF = __name__

    api.post("/broken", {"email": EMAIL, "password": SECRET, "refresh": TOKEN})

    assert any("DETAIL: Key (email)=(***@***)" in line.get("exc_info", "") for line in log.lines)
    assert SECRET not in log.text


@pytest.mark.parametrize(
    "text",
    [
        f"amqp://worker:{SECRET}@rabbit:5672/",
        "Authorization: Bearer zebra-secret",
        '{"password": "zebra-secret"}',
        "{'new_password': 'zebra-secret'}",
        "refresh=zebra-secret&x=1",
        "zebra-secret@example.com wrote",
    ],
)
def test_secrets_of_a_known_shape_are_redacted(text: str) -> None:
    assert SECRET not in redact(text)


def test_text_without_secrets_is_unchanged() -> None:
    text = "general_tweets: dead letter 912755304686203868: not a tweet.created"

    assert redact(text) == text


def test_a_grpc_servers_lines_have_the_callers_request_id(log: Log) -> None:
    with log_context("from-the-web-1"):
        logging.getLogger("accounts").warning("a dependency is down")

    assert log.lines[0]["request_id"] == "from-the-web-1"
