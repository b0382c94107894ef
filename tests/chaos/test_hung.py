"""A PostgreSQL that hangs: requests fail within the deadline, and later ones succeed."""

import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.conditions import wait_until
from tests.chaos.deployment import Deployment
from tests.support.factories import PASSWORD
from tests.support.parts import Part

pytestmark = pytest.mark.chaos

DEADLINE_SECONDS = 5.0  # of the settings
TIMEOUT_SECONDS = 60.0


@pytest.fixture
def postgresql(deployment: Deployment) -> Iterator[Part]:
    [found] = [server for server in deployment.targets.servers if server.name == "postgres"]
    yield found
    found.send(signal.SIGCONT)


@pytest.fixture
def client(deployment: Deployment) -> Iterator[httpx.Client]:
    """A signed-in client."""
    new = {"email": "hung@example.com", "username": "hung", "password": PASSWORD}
    with httpx.Client(base_url=deployment.webs[0], timeout=60) as client:
        token = client.post("/users/register", json=new).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_requests_to_a_hung_postgresql_fail_within_the_deadline(
    postgresql: Part, client: httpx.Client
) -> None:
    def post() -> httpx.Response:
        return client.post("/tweet", json={"content": "The first snow."})

    def num_tweets() -> int:
        return int(client.get("/users/me").json()["user"]["num_tweets"])

    assert post().status_code == 200
    wait_until(lambda: num_tweets() == 1, TIMEOUT_SECONDS)
    assert client.get("/feed").status_code == 200

    postgresql.send(signal.SIGSTOP)
    started = time.monotonic()
    answer = post()
    assert time.monotonic() - started < DEADLINE_SECONDS + 1
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.get("/health").status_code == 200
    assert client.get("/feed").json()["count"] == 1
    postgresql.send(signal.SIGCONT)

    wait_until(lambda: post().status_code == 200, TIMEOUT_SECONDS)
    # counted by relay, RabbitMQ, worker and gRPC; the unanswered tweet may count, too
    wait_until(lambda: num_tweets() >= 2, TIMEOUT_SECONDS)
