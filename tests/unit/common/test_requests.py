"""What every endpoint does with a request it can't read, shown on one of them."""

from typing import cast

import pytest
from rest_framework.test import APIClient

REGISTER = "/users/register"

pytestmark = pytest.mark.django_db


def post(api: APIClient, body: bytes, content_type: str = "application/json"):
    return api.generic("POST", REGISTER, cast(str, body), content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff\xfe",
        b'{"email": NaN}',
        b'{"email": "\\ud800"}',
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b"[" * 30_000,
    ],
)
def test_unreadable_json_is_400(api, body):
    response = post(api, body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"5"])
def test_json_that_is_no_object_is_400(api, body):
    assert post(api, body).status_code == 400


def test_a_body_that_is_too_large_is_413(api):
    response = post(api, b'{"email": "' + b"a" * 10_000_000 + b'"}')
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"


def test_a_query_that_is_too_long_is_414(api):
    response = api.get("/search", {"q": "a" * 10_000})
    assert response.status_code == 414
    assert response.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_415(api, content_type):
    response = post(api, b"email=a", content_type=content_type)
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "unsupported_media_type"


def test_another_method_is_405(api):
    response = api.delete(REGISTER)
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/nowhere", "/users", "/tweet/", "/feed/", "/%00"])
def test_an_unknown_address_is_404(api, path):
    response = api.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_a_foreign_host_is_400(api):
    response = api.get("/hello", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


def test_a_failure_of_ours_shows_no_detail(api, monkeypatch, caplog):
    def explode(**_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("accounts.services.register", explode)
    response = api.post(
        REGISTER, {"email": "a@example.com", "username": "abc", "password": "pass123"}
    )
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert b"secret" not in response.content
    assert "secret detail" in caplog.text
