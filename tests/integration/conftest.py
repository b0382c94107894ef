"""One process serves HTTP. No worker runs unless a test starts it."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from deploy.local.processes import Process, Processes
from deploy.local.readiness import wait_for_worker
from tests.support.clients import (  # noqa: F401 fixtures
    accounts_db,
    general_tweets,
    index,
    rabbitmq,
    timelines,
    tweet_service,
    tweets_db,
    user_service,
)
from tests.support.people import Member, register
from tests.support.system import System, process_logs  # noqa: F401 a fixture among them


@pytest.fixture
async def http(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=system.web, timeout=30) as client:
        yield client


@pytest.fixture
async def alice(http: httpx.AsyncClient) -> Member:
    """An author."""
    return await register(http)


@pytest.fixture
async def bob(http: httpx.AsyncClient) -> Member:
    """A reader; tests make bob follow alice."""
    return await register(http)


@pytest.fixture
def tweets_worker(system: System, processes: Processes) -> Iterator[Process]:
    worker = processes.start("run_tweets_worker", SERVICES="tweets", **system.environment)
    wait_for_worker(worker, "tweets")
    yield worker
    processes.stop(worker)
