"""Security headers, and attacks through every input."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tests.support.factories import PASSWORD

SignIn = Callable[[User], APIClient]

ANSWERS = [
    ("GET", "/"), ("GET", "/docs"), ("GET", "/schema"), ("GET", "/health"), ("GET", "/ready"),
    ("GET", "/nowhere"), ("GET", "/feed"), ("POST", "/users/login"), ("GET", "/admin/"),
    ("GET", "/admin/login/"), ("GET", "/static/twitter_project/index.css"), ("TRACE", "/feed"),
]  # fmt: skip

SQL = ["' OR 1=1 --", "'; DROP TABLE accounts_user; --", "1) UNION SELECT 1 --", '" OR ""="', "\\"]
TEMPLATES = [
    "{{ 7|add:7 }}",
    "{% debug %}",
    "${7*7}",
    "#{7*7}",
    "<script>alert(1)</script>",
    "%s%n",
]


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_every_response_has_the_security_headers(method: str, path: str, db: None) -> None:
    answer = Client().generic(method, path, secure=True)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    scripts = re.search(r"script-src ([^;]+)", policy)
    assert scripts is None or scripts[1] == "'self'"


def test_plain_http_lacks_the_header_that_browsers_report_there(db: None) -> None:
    for path in ("/docs", "/admin/login/", "/feed"):
        assert "Cross-Origin-Opener-Policy" not in Client().get(path)


def test_an_unknown_host_gets_the_security_headers() -> None:
    answer = Client().get("/feed", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_responses_with_private_data_are_not_cached(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    body = {"email": alice.email, "password": PASSWORD}
    for answer in (client.get("/feed"), client.get("/users/me"), client.post("/users/login", body)):
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_no_other_origin_is_allowed(api: APIClient, db: None, method: str) -> None:
    headers = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    answer = api.generic(method, "/tweet", headers=headers)
    assert answer.status_code in (401, 405)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW", "X" * 99])
def test_an_unknown_method_is_405(api: APIClient, db: None, method: str) -> None:
    for path in ("/users/login", "/users/alice", "/health", "/"):
        answer = api.generic(method, path)
        assert answer.status_code == 405, path
        assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("text", SQL + TEMPLATES)
def test_injected_code_is_stored_and_shown_as_text(
    api: APIClient, sign_in: SignIn, alice: User, text: str
) -> None:
    client = sign_in(alice)
    tweet = client.post("/tweet", {"content": text}).json()["tweet"]
    assert client.get(f"/tweet/{tweet['id']}").json()["tweet"]["content"] == text
    assert client.patch("/users/me", {"bio": text}).json()["user"]["bio"] == text
    assert api.get("/users/alice").json()["user"]["bio"] == text
    assert api.get(f"/users/{text.replace('/', '')}").status_code == 404
    assert client.get("/search", {"q": text}).status_code == 200
    for query in ({"cursor": text}, {"limit": text}, {"offset": text}):
        assert client.get("/feed", query).status_code == 400
    wrong = {"email": f"{text}@example.com", "password": text * 7}
    assert api.post("/users/login", wrong).status_code in (401, 422)
    name = {"email": "eve@example.com", "username": text, "password": PASSWORD}
    assert api.post("/users/register", name).status_code == 422
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "text", ["alice\r\nSet-Cookie: a=b", "x\r\n\r\n<html>", "a\nb", "\x00", "\x1b[2J"]
)
def test_line_breaks_reach_no_header_and_no_log_line(
    api: APIClient, sign_in: SignIn, alice: User, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in(alice)
    answers = [
        api.post("/users/login", {"email": text, "password": text}),
        api.post(
            "/users/register", {"email": "e@example.com", "username": text, "password": PASSWORD}
        ),
        client.post("/tweet", {"content": "x"}, headers={"idempotency-key": text}),
        api.get("/users/alice", headers={"user-agent": text, "x-forwarded-for": text}),
        api.get("/users/alice", headers={"x-request-id": text, "authorization": f"Bearer {text}"}),
    ]
    for answer in answers:
        assert answer.status_code < 500
        for name, value in answer.headers.items():
            assert not set("\r\n\x00\x1b") & set(f"{name}{value}")
            assert name != "Set-Cookie"
    assert not [record for record in caplog.records if text in record.getMessage()]


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"]
)
def test_the_admin_redirects_to_no_other_site(target: str, db: None) -> None:
    User.objects.create_superuser("root", "root@example.com", PASSWORD)
    body = {"username": "root", "password": PASSWORD, "next": target}
    answer: Any = Client().post(f"/admin/login/?next={target}", body)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/") or not answer["Location"].startswith(
        ("/\\", "//", "http")
    )


def test_the_front_page_links_no_admin_at_another_path(settings: Settings) -> None:
    assert "/admin/" in Client().get("/").content.decode()
    settings.ADMIN_PATH = "behind/"
    assert "Admin" not in Client().get("/").content.decode()
