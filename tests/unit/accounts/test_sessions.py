"""Logging in and out, refreshing, and the verification of tokens."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.contrib.auth.hashers import get_hasher
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import SpentRefresh, User
from common.errors import Unauthenticated
from common.http.revocation import revocations
from common.redis.client import redis_client
from tests.support.factories import PASSWORD, UserFactory
from tests.support.responses import assert_refused
from tests.support.sessions import claims, hello, log_in, log_out, refresh, sign

SignIn = Callable[[User], APIClient]
LEEWAY: timedelta = settings.SIMPLE_JWT["LEEWAY"]


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@example.com", " alice@example.com "])
def test_logging_in_returns_the_account_and_a_session(
    api: APIClient, alice: User, email: str
) -> None:
    body = log_in(api, email).json()
    assert set(body) == {"user", "token", "refresh"}
    assert body["user"]["email"] == "alice@example.com"
    assert hello(body["token"]).json() == {"message": "Hello, alice"}


def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(
    api: APIClient, alice: User
) -> None:
    unknown = log_in(api, "bob@example.com")
    wrong = log_in(api, password="pass124")
    assert_refused(unknown, 401)
    assert unknown.content == wrong.content


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com", "unusable@x.org"])
def test_each_attempt_costs_one_hash(
    api: APIClient, alice: User, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    UserFactory.create(email="unusable@x.org", password="!")
    hasher = type(get_hasher())
    encode, calls = hasher.encode, []

    def counted(self: Any, *args: Any) -> str:
        calls.append(args)
        return str(encode(self, *args))

    monkeypatch.setattr(hasher, "encode", counted)
    log_in(api, email, "pass124")
    assert len(calls) == 1


def test_an_access_token_carries_user_name_and_epoch(api: APIClient, alice: User) -> None:
    token = log_in(api).json()["token"]
    assert jwt.get_unverified_header(token)["alg"] == "EdDSA"
    body = jwt.decode(token, options={"verify_signature": False})
    assert (body["user_id"], body["username"], body["epoch"]) == (str(alice.id), "alice", 0)
    assert body["exp"] - body["iat"] == 15 * 60


def test_a_token_is_verified_without_a_database(
    sign_in: SignIn, alice: User, django_assert_num_queries: Any
) -> None:
    client = sign_in(alice)
    with django_assert_num_queries(0):
        assert client.get("/hello").status_code == 200


# Refreshing


def test_refreshing_returns_a_new_pair(api: APIClient, alice: User) -> None:
    first = log_in(api).json()
    second = refresh(api, first["refresh"]).json()
    assert set(second) == {"token", "refresh"}
    assert second["refresh"] != first["refresh"]
    assert hello(second["token"]).status_code == 200
    assert refresh(api, second["refresh"]).status_code == 200


def test_a_spent_refresh_token_is_refused(api: APIClient, alice: User) -> None:
    first = log_in(api).json()["refresh"]
    refresh(api, first)
    assert_refused(refresh(api, first), 401)


def test_a_new_token_carries_the_current_username(api: APIClient, alice: User) -> None:
    first = log_in(api).json()["refresh"]
    User.objects.update(username="alicia")
    assert hello(refresh(api, first).json()["token"]).json() == {"message": "Hello, alicia"}


def test_an_access_token_cannot_refresh(api: APIClient, alice: User) -> None:
    token = log_in(api).json()["token"]
    assert_refused(refresh(api, token), 401)
    assert_refused(log_out(api, token), 401)


def test_a_refresh_token_is_not_an_access_token(api: APIClient, alice: User) -> None:
    assert_refused(hello(log_in(api).json()["refresh"]), 401)


@pytest.mark.parametrize("change", ["deleted", "suspended", "other epoch"])
def test_a_refresh_token_ends_with_its_session(api: APIClient, alice: User, change: str) -> None:
    token = log_in(api).json()["refresh"]
    if change == "deleted":
        services.delete_user(user_id=alice.id)
    elif change == "suspended":
        services.suspend(user_id=alice.id)
    else:
        User.objects.update(session_epoch=1)
    assert_refused(refresh(api, token), 401)


# Logging out


def test_logging_out_revokes_the_refresh_token(api: APIClient, alice: User) -> None:
    token = log_in(api).json()["refresh"]
    response = log_out(api, token)
    assert (response.status_code, response.content) == (204, b"")
    assert_refused(refresh(api, token), 401)


def test_logging_out_is_idempotent(api: APIClient, alice: User) -> None:
    token = log_in(api).json()["refresh"]
    assert [log_out(api, token).status_code for _ in range(2)] == [204, 204]


def test_logging_out_keeps_other_sessions(api: APIClient, alice: User) -> None:
    here, there = log_in(api).json()["refresh"], log_in(api).json()["refresh"]
    log_out(api, here)
    assert refresh(api, there).status_code == 200


# Invalid tokens


def foreign_key() -> Any:
    return Ed25519PrivateKey.generate()


BAD_TOKENS: dict[str, Callable[[User, str], str]] = {
    "garbage": lambda user, kind: "garbage",
    "not ASCII": lambda user, kind: "ÿ.ÿ.ÿ",
    "three dots": lambda user, kind: "...",
    "a deep header": lambda user, kind: deep_header(),
    "expired": lambda user, kind: sign(
        claims(user, token_type=kind, exp=timezone.now() - LEEWAY - timedelta(seconds=1))
    ),
    "no end": lambda user, kind: sign(
        {k: v for k, v in claims(user, token_type=kind).items() if k != "exp"}
    ),
    "unsigned": lambda user, kind: jwt.encode(claims(user, token_type=kind), "", algorithm="none"),
    "a foreign key": lambda user, kind: jwt.encode(
        claims(user, token_type=kind), foreign_key(), algorithm="EdDSA"
    ),
    "another algorithm": lambda user, kind: jwt.encode(
        claims(user, token_type=kind), "secret" * 10, algorithm="HS256"
    ),
    "a changed body": lambda user, kind: forge(sign(claims(user, token_type=kind))),
    "of no user": lambda user, kind: sign(claims(user, token_type=kind, user_id="tweet-3")),
    "of no epoch": lambda user, kind: sign(claims(user, token_type=kind, epoch="0")),
    "of no type": lambda user, kind: sign(claims(user, token_type=None)),
}


def forge(token: str) -> str:
    header, body, signature = token.split(".")
    other = jwt.utils.base64url_decode(body).replace(b"alice", b"carol")
    return ".".join([header, jwt.utils.base64url_encode(other).decode(), signature])


def deep_header() -> str:
    return jwt.utils.base64url_encode(b"[" * 3000).decode() + ".e30.AA"


@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_a_bad_access_token_is_refused(alice: User, bad: str) -> None:
    response = hello(BAD_TOKENS[bad](alice, "access"))
    assert_refused(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_a_bad_refresh_token_is_refused(api: APIClient, alice: User, bad: str) -> None:
    token = BAD_TOKENS[bad](alice, "refresh")
    assert_refused(refresh(api, token), 401)
    assert_refused(log_out(api, token), 401)
    assert not SpentRefresh.objects.exists()


@pytest.mark.parametrize("header", ["Bearer a b", "Bearer", "Basic YTpi", "bearer", ""])
def test_a_malformed_header_is_refused(db: None, header: str) -> None:
    assert_refused(APIClient().get("/hello", HTTP_AUTHORIZATION=header), 401)


def test_the_unchanged_token_is_accepted(alice: User) -> None:
    """Proves that the changes above are the reason for the refusals."""
    assert hello(sign(claims(alice))).status_code == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_accepted_in_any_case(alice: User, scheme: str) -> None:
    header = f"{scheme} {sign(claims(alice))}"
    assert APIClient().get("/hello", HTTP_AUTHORIZATION=header).status_code == 200


# Ending all sessions


@pytest.mark.parametrize("ending", ["password", "suspend", "delete"])
@pytest.mark.django_db(transaction=True)
def test_all_sessions_end(api: APIClient, alice: User, bob: User, ending: str) -> None:
    session, others = log_in(api).json(), log_in(api, "bob@example.com").json()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {session['token']}")
    if ending == "password":
        change = {"password": PASSWORD, "new_password": "pass1234"}
        assert api.post("/users/me/password", change).status_code == 204
    elif ending == "suspend":
        services.suspend(user_id=alice.id)
    else:
        assert api.delete("/users/me", {"password": PASSWORD}).status_code == 204

    revocations.forget()
    assert_refused(hello(session["token"]), 401)
    assert_refused(refresh(APIClient(), session["refresh"]), 401)
    assert hello(others["token"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_session_after_the_change_is_valid_at_once(api: APIClient, alice: User) -> None:
    services.change_password(
        user_id=alice.id, password=PASSWORD, new_password="pass1234", address=""
    )
    revocations.forget()
    assert log_in(api).status_code == 401
    assert hello(log_in(api, password="pass1234").json()["token"]).status_code == 200


def test_a_wrong_old_password_changes_nothing_and_ends_no_session(
    sign_in: SignIn, alice: User
) -> None:
    client = sign_in(alice)
    change = {"password": "pass124", "new_password": "pass1234"}
    assert_refused(client.post("/users/me/password", change), 403, "password")
    alice.refresh_from_db()
    assert alice.session_epoch == 0
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize("new_password", ["", "123456", "x" * 129])
def test_a_new_password_of_invalid_length_is_refused(
    sign_in: SignIn, alice: User, new_password: str
) -> None:
    change = {"password": PASSWORD, "new_password": new_password}
    assert_refused(sign_in(alice).post("/users/me/password", change), 422, "new_password")


def test_the_slower_of_two_changes_fails_because_its_session_has_ended(alice: User) -> None:
    """Both passwords are right, but the faster change has raised the epoch."""
    alice.session_epoch = 0
    User.objects.update(session_epoch=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accounts.services.sessions.check_own_password", lambda **_: alice)
        with pytest.raises(Unauthenticated, match="session has ended"):
            services.change_password(
                user_id=alice.id, password=PASSWORD, new_password="pass1234", address=""
            )


# Suspension


@pytest.mark.django_db(transaction=True)
def test_suspending_again_revokes_tokens_after_redis_lost_its_data(
    api: APIClient, alice: User
) -> None:
    token = log_in(api).json()["token"]
    services.suspend(user_id=alice.id)
    redis_client().flushdb()
    revocations.forget()
    assert hello(token).status_code == 200

    services.suspend(user_id=alice.id)

    revocations.forget()
    assert_refused(hello(token), 401)


def test_a_suspended_account_cannot_log_in(api: APIClient, alice: User) -> None:
    services.suspend(user_id=alice.id)
    assert_refused(log_in(api), 401)
    assert_refused(log_in(api, password="pass124"), 401)


def test_a_restored_account_logs_in_and_its_old_sessions_stay_ended(
    api: APIClient, alice: User
) -> None:
    old = log_in(api).json()["refresh"]
    services.suspend(user_id=alice.id)
    services.restore(user_id=alice.id)
    assert log_in(api).status_code == 200
    assert_refused(refresh(api, old), 401)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/hello"),
        ("get", "/users/me"),
        ("patch", "/users/me"),
        ("delete", "/users/me"),
        ("post", "/users/me/password"),
        ("post", "/follow"),
        ("delete", "/follow/1"),
        ("get", "/follow"),
        ("get", "/following"),
    ],
)
def test_a_call_without_a_token_is_refused(
    api: APIClient, db: None, method: str, address: str
) -> None:
    assert_refused(getattr(api, method)(address), 401)
