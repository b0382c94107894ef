"""Fixtures for all tests: the database, three accounts, and a step that runs background work."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import setup_databases
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import User
from common.http.revocation import revocations
from common.http.throttling import local_tokens, rate_of
from common.redis.buckets import token_buckets
from common.redis.client import redis_client
from deploy.local.readiness import find_down_server
from messaging.broker import broker, dead_queue
from messaging.relay import relay_all
from messaging.worker import workers
from tests.support.factories import UserFactory
from tests.support.system import processes, system  # noqa: F401 fixtures, started once for all

_REAL = ("real", "integration", "e2e")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--chaos-seed", type=int, default=1, help="seed of the faults (1)")
    group.addoption("--chaos-seconds", type=float, default=90.0, help="duration of the faults (90)")
    parser.addoption(
        "--topology",
        choices=["one", "services", "databases", "all"],
        help="of `make stack` in tests/stack (databases; all runs the flows in each)",
    )
    parser.addoption(
        "--api", action="store_true", help="also run the API's tests against `make stack`"
    )
    parser.addoption(
        "--examples",
        type=int,
        default=3,
        help="examples that schemathesis generates for each call (3)",
    )
    parser.addoption("--fuzz-seed", type=int, default=1, help="seed of schemathesis (1)")


def is_real() -> bool:
    return bool(settings.RABBITMQ_URL)


def pytest_report_header() -> str:
    if is_real():
        return "parts: the real servers"
    return "parts: embedded (for the real servers: pytest --ds settings.test)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects tests that cannot run here: those that need real servers on embedded parts, those
    that start their own servers on the real ones, and those that need an option.
    """
    marks = {"chaos"} if is_real() else set(_REAL)
    if not config.getoption("--api"):
        marks.add("api")
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_sessionstart(session: pytest.Session) -> None:
    """A server that is down ends the run in one line."""
    if not is_real():
        return
    if down := find_down_server():
        pytest.exit(f"{down} is down: `make services` starts the test servers", returncode=3)


def pytest_sessionfinish() -> None:
    broker().close()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database, shared by the tests and every process they start; empty afterwards."""
    with django_db_blocker.unblock():
        _empty_databases()
        setup_databases(verbosity=0, interactive=False, keepdb=True)
    yield
    with django_db_blocker.unblock():
        _empty_databases()


def _empty_databases() -> None:
    for connection in connections.all():
        if connection.vendor != "postgresql":
            continue  # the embedded database is a new file each time
        if _exists(connection.settings_dict):
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.close()


def _exists(database: Mapping[str, Any]) -> bool:
    server = psycopg2.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname="postgres",
        **database["OPTIONS"],
    )
    with closing(server), server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database["NAME"]])
        return cursor.fetchone() is not None


@pytest.fixture
def api() -> APIClient:
    """An anonymous client."""
    return APIClient()


@pytest.fixture
def alice(db: None) -> User:
    """An author."""
    return UserFactory.create(username="alice")


@pytest.fixture
def bob(db: None) -> User:
    """A reader; tests make bob follow alice."""
    return UserFactory.create(username="bob")


@pytest.fixture
def carol(db: None) -> User:
    """A user without follows."""
    return UserFactory.create(username="carol")


@pytest.fixture
def sign_in() -> Callable[[User], APIClient]:
    def sign_in(user: User) -> APIClient:
        """A client with the token that a log-in would issue."""
        client = APIClient()
        token = tokens.issue(User.objects.get(id=user.id)).token
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client

    return sign_in


@pytest.fixture
def drain(empty_queues: None) -> Callable[[], None]:
    """Runs the relay and the workers until no event is left."""

    def drain() -> None:
        while relay_all(broker()) + sum(broker().run_once(w) for w in workers().values()):
            pass

    return drain


@pytest.fixture
def empty_queues(db: None) -> None:
    """A broker without messages."""
    broker().declare(list(workers().values()))
    for worker in workers().values():
        for queue in (worker.queue, dead_queue(worker.queue)):
            broker().purge(queue)


@pytest.fixture
def rates(settings: Settings, empty_redis: None) -> Iterator[Callable[..., None]]:
    """Sets rate limits, as in `rates(read="3/min")`; by default tests have none."""

    def limit(**rates: str) -> None:
        settings.RATES = dict.fromkeys(settings.RATES) | rates
        rate_of.cache_clear()
        local_tokens.forget()

    yield limit
    rate_of.cache_clear()
    local_tokens.forget()
    token_buckets.reset()


@pytest.fixture
def empty_redis() -> None:
    redis_client().flushdb()
    revocations.forget()
