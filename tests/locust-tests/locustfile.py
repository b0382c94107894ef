"""A mixed load: 60 % feed reads, 20 % reads of tweets, 10 % posts, 5 % search, 5 % follows.

    RATE_LIMITS=off make run
    make load HOST=http://127.0.0.1:8000 USERS=50 DURATION=30s

Registering costs a quarter of a second of the server's time by intention, so a few accounts are
registered once, before the clock starts, and shared by all the simulated users.
"""

import random
import secrets
import sys
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import requests
from locust import FastHttpUser, between, events, task
from locust.env import Environment

ACCOUNTS = 8
WORDS = ["morning", "train", "bread", "query", "owl", "fog", "bass", "map", "tea", "storm"]
PASSWORD = "pass123"


@dataclass
class Account:
    id: str
    headers: dict[str, str]
    following: set[str] = field(default_factory=set)


accounts: list[Account] = []
tweet_ids: list[str] = []


def prepare(environment: Environment, **_: object) -> None:
    """Everyone follows half of the others and has written something."""
    try:
        for _number in range(ACCOUNTS):
            accounts.append(_register(environment))
        for account in accounts:
            for other in random.sample([a for a in accounts if a is not account], ACCOUNTS // 2):
                _post(environment, "/follow", {"following_id": other.id}, account.headers)
                account.following.add(other.id)
            answer = _post(environment, "/tweet", {"content": _sentence()}, account.headers)
            tweet_ids.append(answer["tweet"]["id"])
    except requests.RequestException as error:
        reason = type(error).__name__
        sys.exit(f"{environment.host} does not serve the API ({reason}): `make run` starts one")


def clean_up(environment: Environment, **_: object) -> None:
    """The accounts go, and with them all that they wrote."""
    for account in accounts:
        requests.delete(
            f"{environment.host}/users/me",
            json={"password": PASSWORD},
            headers=account.headers,
            timeout=10,
        )


class Reader(FastHttpUser):
    wait_time = between(0.05, 0.5)

    def on_start(self) -> None:
        self.account = next(_turns)

    @task(60)
    def read_feed(self) -> None:
        with self.client.get("/feed?limit=20", headers=self.account.headers) as answer:
            if answer.status_code == 200:
                tweet_ids.extend(tweet["id"] for tweet in answer.json()["tweets"][:2])
                del tweet_ids[:-1000]

    @task(20)
    def read_tweet(self) -> None:
        self.client.get(
            f"/tweet/{random.choice(tweet_ids)}", headers=self.account.headers, name="/tweet/{id}"
        )

    @task(10)
    def post_tweet(self) -> None:
        self.client.post("/tweet", json={"content": _sentence()}, headers=self.account.headers)

    @task(5)
    def search(self) -> None:
        self.client.get(
            f"/search?q={random.choice(WORDS)}", headers=self.account.headers, name="/search?q="
        )

    @task(5)
    def follow_or_unfollow(self) -> None:
        """Those who share an account may cross: to unfollow twice is a 404 and no failure."""
        other = random.choice([a.id for a in accounts if a is not self.account])
        if other not in self.account.following:
            self.account.following.add(other)
            self.client.post("/follow", json={"following_id": other}, headers=self.account.headers)
            return
        self.account.following.discard(other)
        with self.client.delete(
            f"/follow/{other}",
            headers=self.account.headers,
            name="/follow/{id}",
            catch_response=True,
        ) as answer:
            if answer.status_code == 404:
                answer.success()


_turns = cycle(accounts)


def _sentence() -> str:
    return f"{' '.join(random.choices(WORDS, k=random.randint(4, 14)))} #load"


def _register(environment: Environment) -> Account:
    name = f"load-{secrets.token_hex(5)}"
    body = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    answer: dict[str, Any] = _post(environment, "/users/register", body, {})
    return Account(answer["user"]["id"], {"Authorization": f"Bearer {answer['token']}"})


def _post(
    environment: Environment, path: str, body: dict[str, str], headers: dict[str, str]
) -> dict[str, Any]:
    answer = requests.post(f"{environment.host}{path}", json=body, headers=headers, timeout=10)
    if "RateLimit-Limit" in answer.headers:
        sys.exit(f"{environment.host} limits how often one may ask: start it with RATE_LIMITS=off")
    answer.raise_for_status()
    shown: dict[str, Any] = answer.json()
    return shown


events.init.add_listener(prepare)  # type: ignore[no-untyped-call]
events.test_stop.add_listener(clean_up)  # type: ignore[no-untyped-call]
