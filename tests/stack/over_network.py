"""A pytest plugin that sends the requests of Django's test client to a server at ADDRESS.

The server uses the tests' databases. The tests' process acts as its relay and workers.
"""

import http.client
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client, TransactionTestCase

_KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission"}
# These fixtures change the tests' process, not the server.
_IN_PROCESS_FIXTURES = {
    "settings", "monkeypatch", "caplog", "rates", "take_down", "accounts_down", "full",
    "django_assert_num_queries", "django_assert_max_num_queries",
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--address", required=True, help="URL of the server: http://127.0.0.1:8000")


def pytest_configure(config: pytest.Config) -> None:
    url = urlsplit(config.getoption("--address"))

    def request(client: Client, **request: Any) -> HttpResponse:
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
        environ: dict[str, Any] = client._base_environ(**request)  # type: ignore[attr-defined]
        return ask(connection, client, environ)

    Client.request = request  # type: ignore[method-assign, assignment]
    TransactionTestCase._fixture_teardown = empty_databases  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = []
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        asked = set(item._fixtureinfo.argnames)  # type: ignore[attr-defined]
        if item.get_closest_marker("in_process"):
            continue
        over_http = names & {"api", "sign_in", "writer"}
        if over_http and not (
            asked & _IN_PROCESS_FIXTURES or names & (_IN_PROCESS_FIXTURES - {"monkeypatch"})
        ):
            item.add_marker(pytest.mark.django_db(transaction=True, databases="__all__"), False)
            chosen.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def ask(
    connection: http.client.HTTPConnection, client: Client, environ: dict[str, Any]
) -> HttpResponse:
    path = quote(environ["PATH_INFO"].encode("latin-1"), safe="/:@!$&'()*+,;=~")
    target = f"{path}?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else path
    body = environ["wsgi.input"].read()
    connection.request(
        environ["REQUEST_METHOD"], target, body or None, read_headers(client, environ)
    )
    answer = connection.getresponse()
    response = HttpResponse(answer.read(), status=answer.status)
    for name, value in answer.getheaders():
        response.headers[name] = value
    connection.close()
    response.json = lambda: client._parse_json(response)  # type: ignore[attr-defined]
    return response


def read_headers(client: Client, environ: dict[str, Any]) -> dict[str, str]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and value
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    reader = getattr(client.handler, "_force_user", None)
    if reader is not None:
        from accounts import tokens
        from accounts.models import User

        headers["Authorization"] = f"Bearer {tokens.issue(User.objects.get(id=reader.id)).token}"
    return headers


def empty_databases(case: TransactionTestCase) -> None:
    for connection in connections.all():
        tables = (
            set(connection.introspection.django_table_names(only_existing=False)) - _KEPT_TABLES
        )
        with connection.cursor() as cursor:
            cursor.execute("".join(f'DELETE FROM "{table}";' for table in tables))
