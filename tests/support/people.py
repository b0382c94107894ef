"""Users for tests over HTTP: registered, signed in, with names of their own."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.factories import PASSWORD


@dataclass(frozen=True)
class Identity:
    """The fields of a registration."""

    username: str = field(default_factory=lambda: f"user-{secrets.token_hex(4)}")
    password: str = PASSWORD

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"

    @property
    def body(self) -> dict[str, str]:
        return {"email": self.email, "username": self.username, "password": self.password}


@dataclass(frozen=True)
class Member:
    """A registered user. `headers` authenticate its requests."""

    id: str
    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def register(client: httpx.AsyncClient, identity: Identity | None = None) -> Member:
    identity = identity or Identity()
    answer = expect(200, await client.post("/users/register", json=identity.body))
    return Member(answer["user"]["id"], answer["user"]["username"], answer["token"])


async def post_tweet(client: httpx.AsyncClient, author: Member, content: str) -> dict[str, Any]:
    answer = await client.post("/tweet", json={"content": content}, headers=author.headers)
    tweet: dict[str, Any] = expect(200, answer)["tweet"]
    return tweet


async def follow(client: httpx.AsyncClient, follower: Member, following: Member) -> None:
    body = {"following_id": following.id}
    expect(200, await client.post("/follow", json=body, headers=follower.headers))


async def search(client: httpx.AsyncClient, reader: Member, words: str) -> list[dict[str, Any]]:
    answer = await client.get("/search", params={"q": words}, headers=reader.headers)
    results: list[dict[str, Any]] = expect(200, answer)["results"]
    return results


def expect(status: int, answer: httpx.Response) -> Any:
    """The response's JSON. Fails with the whole response if its status differs."""
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.text}"
    return answer.json() if answer.content else None


def unique_word() -> str:
    """A word that no other test's tweets contain."""
    return f"w{secrets.token_hex(6)}"
