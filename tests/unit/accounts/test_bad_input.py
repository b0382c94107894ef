"""Every bad request gets an error in the envelope and changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Follow, User
from tests.support.factories import PASSWORD
from tests.support.responses import assert_refused, published

SignIn = Callable[[User], APIClient]

# Every call with a body, and a valid body of each; {bob} is bob's id.
BODIES: dict[tuple[str, str], dict[str, str]] = {
    ("post", "/users/register"): {
        "email": "dave@example.com",
        "username": "dave",
        "password": PASSWORD,
    },
    ("post", "/users/login"): {"email": "alice@example.com", "password": PASSWORD},
    ("post", "/users/refresh"): {"refresh": "x"},
    ("post", "/users/logout"): {"refresh": "x"},
    ("post", "/users/me/password"): {"password": PASSWORD, "new_password": "pass1234"},
    ("patch", "/users/me"): {"display_name": "Alice", "bio": "Writes."},
    ("delete", "/users/me"): {"password": PASSWORD},
    ("post", "/follow"): {"following_id": "{bob}"},
}

FIELDS = [(*call, field) for call, body in BODIES.items() for field in body]


@pytest.fixture
def client(sign_in: SignIn, alice: User, bob: User) -> APIClient:
    return sign_in(alice)


@pytest.fixture(autouse=True)
def nothing_changes(client: APIClient, alice: User, bob: User) -> Any:
    before = list(User.objects.order_by("id").values())
    yield
    assert list(User.objects.order_by("id").values()) == before
    assert not Follow.objects.exists()
    assert published() == []


def send(client: APIClient, method: str, address: str, raw: bytes, type: str) -> Any:
    return client.generic(method.upper(), address, raw, type)  # type: ignore[arg-type]


def changed(method: str, address: str, bob: User, **fields: Any) -> dict[str, Any]:
    body = {k: v.format(bob=bob.id) for k, v in BODIES[method, address].items()}
    return body | fields


@pytest.mark.parametrize(("method", "address", "field"), FIELDS)
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["a"], {}, {"a": "b"}])
def test_an_error_names_the_field_of_a_wrong_type(
    client: APIClient, bob: User, method: str, address: str, field: str, value: Any
) -> None:
    body = changed(method, address, bob, **{field: value})
    assert_refused(getattr(client, method)(address, body), 400, field)


@pytest.mark.parametrize(("method", "address", "field"), FIELDS)
def test_an_error_names_the_field_with_nul(
    client: APIClient, bob: User, method: str, address: str, field: str
) -> None:
    body = changed(method, address, bob, **{field: "a\x00b@example.com"})
    assert_refused(getattr(client, method)(address, body), 422, field)


@pytest.mark.parametrize(
    ("method", "address", "field"), [f for f in FIELDS if f[1] != "/users/me" or f[0] == "delete"]
)
def test_an_error_names_the_missing_field(
    client: APIClient, bob: User, method: str, address: str, field: str
) -> None:
    body = changed(method, address, bob)
    del body[field]
    assert_refused(getattr(client, method)(address, body), 400, field)


@pytest.mark.parametrize(
    ("method", "address", "field"), [f for f in FIELDS if f[:2] != ("patch", "/users/me")]
)
def test_an_error_names_the_empty_field(
    client: APIClient, bob: User, method: str, address: str, field: str
) -> None:
    body = changed(method, address, bob, **{field: ""})
    assert_refused(getattr(client, method)(address, body), 422, field)


@pytest.mark.parametrize(("method", "address"), BODIES)
def test_an_error_names_the_unknown_field(
    client: APIClient, bob: User, method: str, address: str
) -> None:
    body = changed(method, address, bob, is_staff=True)
    assert_refused(getattr(client, method)(address, body), 400, "is_staff")


@pytest.mark.parametrize(("method", "address"), BODIES)
@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"{'a': 1}", b"\xff", b'{"email": "\\ud800"}', b'{"a": NaN}', b"[" * 2000,
        b"nonsense", b'{"a": 1} {"a": 1}',
    ],
)  # fmt: skip
def test_a_body_that_is_not_json_is_refused(
    client: APIClient, method: str, address: str, raw: bytes
) -> None:
    assert_refused(send(client, method, address, raw, "application/json"), 400)


@pytest.mark.parametrize(("method", "address"), BODIES)
@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"7", b"true"])
def test_a_body_that_is_not_an_object_is_refused(
    client: APIClient, method: str, address: str, raw: bytes
) -> None:
    assert_refused(send(client, method, address, raw, "application/json"), 400, "body")


@pytest.mark.parametrize(("method", "address"), BODIES)
@pytest.mark.parametrize(
    "type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"]
)
def test_a_body_of_another_content_type_is_refused(
    client: APIClient, method: str, address: str, type: str
) -> None:
    assert_refused(send(client, method, address, b"a=b", type), 415)


@pytest.mark.in_process  # over a network, the client may see a reset connection instead
@pytest.mark.parametrize(("method", "address"), BODIES)
def test_a_body_of_10_megabytes_is_refused(client: APIClient, method: str, address: str) -> None:
    raw = b'{"email": "' + b"a" * 10_000_000 + b'"}'
    assert_refused(send(client, method, address, raw, "application/json"), 413)


@pytest.mark.parametrize(
    ("method", "address"),
    [("put", "/users/me"), ("get", "/users/login"), ("delete", "/follow"), ("post", "/hello")],
)
def test_another_method_is_refused(client: APIClient, method: str, address: str) -> None:
    assert_refused(getattr(client, method)(address), 405)


@pytest.mark.parametrize(
    "address", ["/users", "/users/", "/users/alice/", "/follow/", "/users/a/b"]
)
def test_an_unknown_address_is_not_found(client: APIClient, address: str) -> None:
    assert_refused(client.get(address), 404)
