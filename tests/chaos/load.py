"""A mixed load. Each person records which requests were acknowledged."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from twitter_project.seeding import PASSWORD

_PAUSE_SECONDS = (0.02, 0.2)
_ATTEMPTS = 50


@dataclass
class Ledger:
    """The requests of one person. A tweet is identified by its unique text."""

    answers: Counter[str] = field(default_factory=Counter)  # by status, or by the error
    tried: set[str] = field(default_factory=set)
    posted: dict[str, int] = field(default_factory=dict)  # id of each acknowledged tweet, by text
    deletions_tried: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)  # acknowledged
    unexpected: list[str] = field(default_factory=list)  # answers that no fault explains

    @property
    def requests(self) -> int:
        return self.answers.total()


class Person(threading.Thread):
    """Sends random requests one after the other until `stop` is set."""

    def __init__(
        self,
        number: int,
        name: str,
        webs: list[str],
        stop: threading.Event,
        *,
        word: str,
        seed: int,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.ledger = Ledger()
        self._text = f"{word} {number} number"  # a counter follows
        self._webs = webs
        self._stop_event = stop
        self._draw = random.Random(seed * 1000 + number)
        self._client = httpx.Client(timeout=25)
        self._seen: list[str] = []  # ids of tweets
        self._others: list[str] = []  # ids of people
        self._own: list[int] = []

    def sign_in(self) -> None:
        answer = self._client.post(
            f"{self._webs[0]}/users/login",
            json={"email": f"{self.name}@example.com", "password": PASSWORD},
        )
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    def run(self) -> None:
        actions: list[Callable[[], None]] = [self._post, self._read, self._search, self._like]
        actions += [self._repost, self._follow, self._remove, self._reply]
        while not self._stop_event.wait(self._draw.uniform(*_PAUSE_SECONDS)):
            self._draw.choices(actions, weights=[35, 20, 10, 10, 5, 8, 5, 7])[0]()
        self._client.close()

    def _post(self) -> None:
        self._write("/tweet")

    def _reply(self) -> None:
        if self._seen:
            self._write(f"/tweet/{self._draw.choice(self._seen)}/reply")

    def _write(self, path: str) -> None:
        """Half of the posts have an idempotency key and are retried; each must be written once."""
        text = f"{self._text} {len(self.ledger.tried)}."
        self.ledger.tried.add(text)
        headers, attempts = {}, 1
        if self._draw.random() < 0.5:
            headers, attempts = {"Idempotency-Key": text}, _ATTEMPTS
        for _ in range(attempts):
            answer = self._ask("POST", path, json={"content": text}, headers=headers)
            if answer is not None and answer.status_code == 200:
                tweet = answer.json()["tweet"]
                self.ledger.posted[text] = int(tweet["id"])
                self._own.append(int(tweet["id"]))
                self._see(tweet["id"])
            if answer is not None and answer.status_code != 503:
                return
            if self._stop_event.wait(0.2):
                return

    def _read(self) -> None:
        answer = self._ask("GET", "/feed?limit=20")
        if answer is not None and answer.status_code == 200:
            for tweet in answer.json()["tweets"]:
                self._see(tweet["id"])
                self._others = [*self._others, tweet["user_id"]][-20:]

    def _see(self, tweet_id: str) -> None:
        self._seen = [*self._seen, tweet_id][-50:]

    def _search(self) -> None:
        self._ask("GET", "/search?q=chaos&limit=10")

    def _like(self) -> None:
        if self._seen:
            method = self._draw.choice(["POST", "DELETE"])
            self._ask(method, f"/tweet/{self._draw.choice(self._seen)}/like")

    def _repost(self) -> None:
        if self._seen:
            method = self._draw.choice(["POST", "DELETE"])
            self._ask(method, f"/tweet/{self._draw.choice(self._seen)}/repost")

    def _follow(self) -> None:
        if not self._others:
            return
        other = self._draw.choice(self._others)
        if self._draw.random() < 0.5:
            self._ask("POST", "/follow", json={"following_id": other})
        else:
            self._ask("DELETE", f"/follow/{other}")

    def _remove(self) -> None:
        if not self._own:
            return
        tweet_id = self._own.pop(self._draw.randrange(len(self._own)))
        self.ledger.deletions_tried.add(tweet_id)
        answer = self._ask("DELETE", f"/tweet/{tweet_id}")
        if answer is not None and answer.status_code == 200:
            self.ledger.deleted.add(tweet_id)

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """None if the connection failed."""
        web = self._draw.choice(self._webs)
        try:
            answer = self._client.request(method, web + path, **request)
        except httpx.TransportError as error:
            self.ledger.answers[type(error).__name__] += 1
            return None
        self.ledger.answers[str(answer.status_code)] += 1
        if answer.status_code not in (200, 204, 400, 404, 503):  # 400: following oneself
            self.ledger.unexpected.append(f"{method} {path}: {answer.status_code} {answer.text}")
        if answer.status_code == 503 and "Retry-After" not in answer.headers:
            self.ledger.unexpected.append(f"{method} {path}: 503 without Retry-After")
        return answer
