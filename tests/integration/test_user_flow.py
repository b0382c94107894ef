"""Accounts over HTTP, against the real servers."""

import hashlib

import bcrypt
import jwt
import pytest
from django.conf import settings
from httpx import AsyncClient

from tests.support.clients import Query
from tests.support.people import Identity, Member, expect, follow, register

pytestmark = pytest.mark.integration


async def test_user_registration_persists_to_db(http: AsyncClient, accounts_db: Query) -> None:
    identity = Identity()

    response = expect(200, await http.post("/users/register", json=identity.body))

    rows = accounts_db(
        "SELECT id, username, email, num_tweets, num_followers, num_following"
        " FROM accounts_user WHERE email = %s",
        identity.email,
    )
    assert rows == [(int(response["user"]["id"]), identity.username, identity.email, 0, 0, 0)]


async def test_user_login_with_registered_user(http: AsyncClient) -> None:
    identity = Identity()
    registered = await register(http, identity)

    response = expect(
        200,
        await http.post(
            "/users/login", json={"email": identity.email, "password": identity.password}
        ),
    )

    assert response["user"]["id"] == registered.id
    headers = {"Authorization": f"Bearer {response['token']}"}
    hello = expect(200, await http.get("/hello", headers=headers))
    assert hello == {"message": f"Hello, {identity.username}"}


async def test_login_returns_valid_jwt(http: AsyncClient) -> None:
    identity = Identity()
    registered = await register(http, identity)

    response = expect(
        200,
        await http.post(
            "/users/login", json={"email": identity.email, "password": identity.password}
        ),
    )

    claims = jwt.decode(
        response["token"], settings.SIMPLE_JWT["VERIFYING_KEY"], algorithms=["EdDSA"]
    )
    assert claims["user_id"] == registered.id
    assert claims["username"] == identity.username
    assert claims["token_type"] == "access"
    assert claims["exp"] - claims["iat"] == 15 * 60


async def test_password_hashing_verification(http: AsyncClient, accounts_db: Query) -> None:
    identity = Identity()
    member = await register(http, identity)

    [(stored,)] = accounts_db("SELECT password FROM accounts_user WHERE id = %s", member.id)

    algorithm, _, digest = stored.partition("$")
    assert algorithm == "bcrypt_sha256"
    assert identity.password not in stored
    assert bcrypt.checkpw(_sha256(identity.password), digest.encode())
    assert not bcrypt.checkpw(_sha256("another password"), digest.encode())


def _sha256(password: str) -> bytes:
    """The digest that bcrypt gets in place of the password, since it reads 72 bytes at most."""
    return hashlib.sha256(password.encode()).hexdigest().encode()


async def test_duplicate_email_rejected(http: AsyncClient, accounts_db: Query) -> None:
    identity = Identity()
    member = await register(http, identity)

    response = await http.post(
        "/users/register", json=Identity().body | {"email": identity.email.upper()}
    )

    error = expect(409, response)["error"]
    assert error["code"] == "conflict"
    assert list(error["fields"]) == ["email"]
    rows = accounts_db("SELECT id FROM accounts_user WHERE lower(email) = %s", identity.email)
    assert rows == [(int(member.id),)]


async def test_duplicate_username_rejected(http: AsyncClient, accounts_db: Query) -> None:
    identity = Identity()
    member = await register(http, identity)

    response = await http.post(
        "/users/register", json=Identity().body | {"username": identity.username.upper()}
    )

    error = expect(409, response)["error"]
    assert error["code"] == "conflict"
    assert list(error["fields"]) == ["username"]
    rows = accounts_db("SELECT id FROM accounts_user WHERE lower(username) = %s", identity.username)
    assert rows == [(int(member.id),)]


async def test_follow_creates_relationship(
    http: AsyncClient, alice: Member, bob: Member, accounts_db: Query
) -> None:
    response = expect(
        200, await http.post("/follow", json={"following_id": alice.id}, headers=bob.headers)
    )

    assert response["follow"]["follower_id"] == bob.id
    assert response["follow"]["following_id"] == alice.id
    rows = accounts_db(
        "SELECT id, following_id FROM accounts_follow WHERE follower_id = %s", bob.id
    )
    assert rows == [(int(response["follow"]["id"]), int(alice.id))]


async def test_follow_increments_follower_count(
    http: AsyncClient, alice: Member, bob: Member, accounts_db: Query
) -> None:
    await follow(http, bob, alice)
    await follow(http, bob, alice)  # idempotent

    assert _counts(accounts_db, alice) == (1, 0)
    assert _counts(accounts_db, bob) == (0, 1)
    shown = expect(200, await http.get(f"/users/{alice.username}", headers=bob.headers))["user"]
    assert shown["num_followers"] == 1
    assert shown["following"] is True


async def test_unfollow_removes_relationship(
    http: AsyncClient, alice: Member, bob: Member, accounts_db: Query
) -> None:
    await follow(http, bob, alice)

    expect(204, await http.delete(f"/follow/{alice.id}", headers=bob.headers))

    rows = accounts_db("SELECT id FROM accounts_follow WHERE follower_id = %s", bob.id)
    assert rows == []
    assert _counts(accounts_db, alice) == (0, 0)
    assert _counts(accounts_db, bob) == (0, 0)


def _counts(accounts_db: Query, member: Member) -> tuple[int, int]:
    """`num_followers` and `num_following` in the database."""
    [(followers, following)] = accounts_db(
        "SELECT num_followers, num_following FROM accounts_user WHERE id = %s", member.id
    )
    return followers, following
