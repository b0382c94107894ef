"""Failover of PostgreSQL to a standby, as docs/operations/outages.md describes it."""

import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.conditions import wait_until
from tests.chaos.deployment import Deployment, is_ready
from tests.chaos.standby import NAME, Standby, standby_of
from tests.support.factories import PASSWORD
from tests.support.parts import Part

pytestmark = pytest.mark.chaos

DEADLINE_SECONDS = 5.0  # of the settings
TIMEOUT_SECONDS = 60.0


@pytest.fixture(scope="module")
def standby(deployment: Deployment) -> Iterator[Standby]:
    with standby_of(deployment) as made:
        yield made


@pytest.fixture
def primary(deployment: Deployment, standby: Standby) -> Iterator[Part]:
    [found] = [server for server in deployment.targets.servers if server.name == "postgres"]
    yield found
    fail_back(deployment, standby, found)


def fail_back(deployment: Deployment, standby: Standby, primary: Part) -> None:
    """Returns to the primary, which lacks everything since it died."""
    standby.part.end()
    if not primary.is_running:
        primary.start()
    wait_until(lambda: all(map(is_ready, deployment.webs)), TIMEOUT_SECONDS)
    standby.wait_for("")


class Author:
    """A signed-in account that posts and reads its own tweets."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        new = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
        token = client.post("/users/register", json=new).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        self.client = client

    def post(self, text: str = "The first snow.") -> httpx.Response:
        return self.client.post("/tweet", json={"content": text})

    def num_tweets(self) -> int:
        return int(self.client.get("/users/me").json()["user"]["num_tweets"])

    def finds(self, word: str) -> bool:
        return bool(self.client.get("/search", params={"q": word}).json()["results"])

    def own(self) -> list[str]:
        return [tweet["content"] for tweet in self.client.get("/tweet").json()["tweets"]]

    def feed(self) -> list[str]:
        return [tweet["content"] for tweet in self.client.get("/feed").json()["tweets"]]


@pytest.fixture
def author(deployment: Deployment, request: pytest.FixtureRequest) -> Iterator[Author]:
    with httpx.Client(base_url=deployment.webs[0], timeout=60) as client:
        yield Author(client, request.node.name.removeprefix("test_"))


def test_a_dead_standby_has_no_effect(standby: Standby, author: Author) -> None:
    standby.part.send(signal.SIGKILL)
    wait_until(lambda: standby.state() is None)

    assert author.post().status_code == 200
    assert author.feed() == author.own() == ["The first snow."]

    standby.start()


def test_a_standby_takes_over(
    deployment: Deployment, standby: Standby, primary: Part, author: Author
) -> None:
    standby.wait_for(NAME)
    kept = [f"Snow {n}." for n in range(5)]
    assert [author.post(text).status_code for text in kept] == [200] * len(kept)
    primary.send(signal.SIGKILL)

    for ask in (author.post, lambda: author.client.get("/tweet")):
        started = time.monotonic()
        answer = ask()
        assert time.monotonic() - started < DEADLINE_SECONDS
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")

    standby.promote()

    wait_until(lambda: author.post("Sleet.").status_code == 200, TIMEOUT_SECONDS)
    assert author.own() == ["Sleet.", *reversed(kept)]
    # counted by relay, RabbitMQ, worker and gRPC
    wait_until(lambda: author.num_tweets() == len(kept) + 1, TIMEOUT_SECONDS)
    wait_until(lambda: author.finds("sleet"), TIMEOUT_SECONDS)
    wait_until(lambda: author.feed()[0] == "Sleet.", TIMEOUT_SECONDS)

    # An asynchronous standby that lags loses writes. Here the old primary plays it: it lacks the
    # last tweet and the counts since.
    fail_back(deployment, standby, primary)
    assert author.own() == list(reversed(kept))
    assert author.finds("sleet")

    audit = deployment.manage("audit", "--repair", "--wait", "1")

    assert audit.returncode == 0, audit
    assert "has no tweet" in audit.stdout
    assert not author.finds("sleet")
    assert author.feed() == list(reversed(kept))
    assert author.num_tweets() == len(kept)
