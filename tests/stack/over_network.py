"""A pytest plugin that sends the requests of Django's test client to a server at ADDRESS.

The server uses the tests' databases. The tests' process acts as its relay and workers.
"""

import http.client
import inspect
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import TransactionTestCase
from django.test.client import ClientHandler

from common.http.revocation import REFRESH_SECONDS, revocations

_KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission"}
# These fixtures change the tests' process, not the server.
_IN_PROCESS_FIXTURES = {
    "settings", "monkeypatch", "caplog", "rates", "take_down", "accounts_down", "full",
    "django_assert_num_queries", "django_assert_max_num_queries",
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--address", required=True, help="URL of the server: http://127.0.0.1:8000")


def pytest_configure(config: pytest.Config) -> None:
    import rest_framework.test  # needs Django's settings

    url = urlsplit(config.getoption("--address"))

    def get_response(_: ClientHandler, request: HttpRequest) -> HttpResponse:
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
        with closing(connection):
            return ask(connection, request)

    ClientHandler.get_response = get_response  # type: ignore[method-assign, assignment]
    rest_framework.test.force_authenticate = send_token
    # Django flushes with TRUNCATE, which waits for the server's transactions.
    TransactionTestCase._fixture_teardown = empty_databases  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = [item for item in items if runs_over_network(item)]
    for item in chosen:
        item.add_marker(pytest.mark.django_db(transaction=True, databases="__all__"), False)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Waits until the server reads the revocations again where a test forgets them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revocations, "forget", lambda: time.sleep(REFRESH_SECONDS + 0.2))
        return (yield)


def runs_over_network(item: pytest.Item) -> bool:
    if item.get_closest_marker("in_process") or not isinstance(item, pytest.Function):
        return False
    fixtures = set(item.fixturenames)
    own = set(inspect.signature(item.function).parameters)
    return bool(fixtures & {"api", "sign_in", "writer"}) and not (
        own & _IN_PROCESS_FIXTURES or fixtures & (_IN_PROCESS_FIXTURES - {"monkeypatch"})
    )


def send_token(request: HttpRequest, user: Any = None, token: object = None) -> None:
    """Replaces DRF's `force_authenticate`, which would stay in this process."""
    from accounts import tokens
    from accounts.models import User

    if user is not None:
        token = tokens.issue(User.objects.get(id=user.id)).token
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {token}"


def ask(connection: http.client.HTTPConnection, request: HttpRequest) -> HttpResponse:
    path = quote(request.path_info, safe="/:@!$&'()*+,;=~")
    query = request.META.get("QUERY_STRING")
    target = f"{path}?{query}" if query else path
    headers = read_headers(request.META)
    connection.request(str(request.method), target, request.read() or None, headers)
    answer = connection.getresponse()
    response = HttpResponse(answer.read(), status=answer.status)
    for name, value in answer.getheaders():
        response.headers[name] = value
    return response


def read_headers(environ: Mapping[str, str]) -> dict[str, str]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and value
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return headers


def empty_databases(case: TransactionTestCase) -> None:
    for connection in connections.all():
        tables = (
            set(connection.introspection.django_table_names(only_existing=False)) - _KEPT_TABLES
        )
        with connection.cursor() as cursor:
            cursor.execute("".join(f'DELETE FROM "{table}";' for table in tables))
