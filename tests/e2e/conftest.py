"""The whole system: three web processes, the relay and every worker."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest

from deploy.local.processes import Processes
from deploy.local.readiness import wait_for_worker, web_address
from tests.support.clients import index, timelines  # noqa: F401 fixtures
from tests.support.system import RUNSERVER, System, process_logs  # noqa: F401 a fixture

_WORKERS = {"tweets": "run_tweets_worker", "feed": "run_feed_worker", "search": "run_search_worker"}


@dataclass(frozen=True)
class Webs:
    users: str
    tweets: str
    feed: str  # and search


@pytest.fixture(scope="package")
def webs(system: System, processes: Processes) -> Iterator[Webs]:
    asks = system.environment
    workers = {
        name: processes.start(command, SERVICES=name, **asks) for name, command in _WORKERS.items()
    }
    servers = [
        processes.start(*RUNSERVER, SERVICES=services, **asks)
        for services in ("accounts", "tweets", "feed,search")
    ]
    for name, worker in workers.items():
        wait_for_worker(worker, name)
    yield Webs(*map(web_address, servers))
    processes.stop(*servers, *workers.values())


@pytest.fixture
async def users_client(webs: Webs) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=webs.users, timeout=30) as client:
        yield client


@pytest.fixture
async def tweets_client(webs: Webs) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=webs.tweets, timeout=30) as client:
        yield client


@pytest.fixture
async def feed_client(webs: Webs) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=webs.feed, timeout=30) as client:
        yield client
