"""Unreadable requests, tested on a few endpoints."""

from typing import cast
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework.test import APIClient

from twitter_project.wsgi_handler import Handler

REGISTER = "/users/register"
MANY_PARAMETERS = "&".join(f"p{n}=1" for n in range(1_100))

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
def test_json_other_than_an_object_is_400(api, body):
    assert post(api, body).status_code == 400


def test_a_body_that_is_too_large_is_413(api):
    response = post(api, b'{"email": "' + b"a" * 10_000_000 + b'"}')
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip", "made-up"])
@pytest.mark.parametrize("path", [REGISTER, "/nowhere", "/admin/login/"])
def test_a_compressed_body_is_415(api, path, encoding):
    response = api.post(path, {"email": "a"}, headers={"content-encoding": encoding})
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "unsupported_media_type"
    assert "compressed" in response.json()["error"]["message"]


def test_content_encoding_identity_is_accepted(api):
    response = api.post(REGISTER, {"email": "a"}, headers={"content-encoding": "identity"})
    assert response.status_code == 400
    assert "username" in response.json()["error"]["fields"]


def test_a_form_of_the_admin_may_be_larger(api):
    sizes = [100_000, 1_100_000]
    forms = [b"username=" + b"a" * size for size in sizes]
    type = "application/x-www-form-urlencoded"
    answers = [api.generic("POST", "/admin/login/", form, content_type=type) for form in forms]
    assert [answer.status_code for answer in answers] == [200, 413]


@pytest.mark.parametrize("length", ["x", "-1", "+1", "1_0", "\u0661", "9" * 5000])
def test_an_unreadable_content_length_is_400(api, length):
    assert api.post(REGISTER, {}, CONTENT_LENGTH=length).status_code == 400


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_chunked_body_is_411_without_a_server_that_joins_the_chunks(api, method):
    """`serve` joins the chunks, `runserver` passes them on."""
    response = api.generic(method, "/users/me", headers={"transfer-encoding": "chunked"})
    assert response.status_code == 411
    assert response.json()["error"]["code"] == "bad_request"


def test_a_query_that_is_too_long_is_414(api):
    response = api.get("/search", {"q": "a" * 10_000})
    assert response.status_code == 414
    assert response.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("path", ["/tweet/1", "/tweet", "/users/alice/tweets", "/feed", "/search"])
def test_too_many_query_parameters_are_400(sign_in, alice, path):
    response = sign_in(alice).get(f"{path}?q=a&{MANY_PARAMETERS}")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/tweet", "limit"),
        ("/users/alice/followers", "limit"),
        ("/feed", "limit"),
        ("/feed", "offset"),
        ("/search", "limit"),
        ("/search", "offset"),
    ],
)
@pytest.mark.parametrize(
    "number", ["1_0", "\u0661\u0660", "\uff11\uff10", "+10", " 10", "10 ", "10.0", "1e1", "", "ten"]
)
def test_numbers_in_queries_have_ascii_digits_only(sign_in, alice, path, name, number):
    response = sign_in(alice).get(path, {"q": "a", name: number})
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [name]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/feed?limit=101", "limit: must be 100 or less"),
        ("/feed?limit=0", "limit: must be 1 or more"),
        ("/feed?limit=ten", "limit: must be a number"),
        ("/feed?cursor=x", "cursor: is not a valid cursor: use `next` of the previous page"),
        ("/search", "q: is required"),
        (f"/search?q={'a' * 501}", "q: must have at most 500 characters"),
    ],
)
def test_the_message_names_the_field_and_the_problem(sign_in, alice, path, message):
    assert sign_in(alice).get(path).json()["error"]["message"] == message


@pytest.mark.parametrize("path", ["/feed", "/search"])
def test_cursor_and_offset_together_are_400(sign_in, alice, path):
    client = sign_in(alice)
    for offset in ("0", "1"):
        response = client.get(path, {"q": "a", "cursor": "123", "offset": offset})
        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["offset"]
    assert client.get("/feed", {"cursor": "", "offset": "1"}).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=utf-8",
        "text/plain; charset=hex",
        "text/plain; charset=undefined",
        "text/plain; charset=punycode",
        "text/plain; charset*=utf-8''%00",
    ],
)
def test_an_odd_content_type_does_not_fail_the_request(content_type):
    environ = {
        "PATH_INFO": "/nowhere",
        "QUERY_STRING": f"q=%C3%A9&{MANY_PARAMETERS}",
        "CONTENT_TYPE": content_type,
        "HTTP_HOST": "localhost",
    }
    setup_testing_defaults(environ)
    started = []

    def start_response(status, headers, exc_info=None, /):
        started.append(status)
        return started.append

    Handler()(environ, start_response)
    assert started == ["404 Not Found"]


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("detail"),
        DisallowedHost("detail"),
        TooManyFieldsSent("detail"),
        TooManyFilesSent("detail"),
        MultiPartParserError("detail"),
        UnreadablePostError("detail"),
    ],
)
def test_a_request_that_django_refuses_in_a_view_is_400(api, monkeypatch, error):
    def refuse(**_):
        raise error

    monkeypatch.setattr("accounts.services.register", refuse)
    response = api.post(
        REGISTER, {"email": "a@example.com", "username": "abc", "password": "pass123"}
    )
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "the request is malformed"


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
def test_an_unknown_url_is_404(api, path):
    response = api.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_an_unknown_host_is_400(api):
    response = api.get("/hello", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


def test_an_internal_error_is_logged_and_shows_no_detail(api, monkeypatch, caplog):
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
