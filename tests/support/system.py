"""The system as real processes, started once a session for all tests that use the network.

They share the test database: they start after it is set up and end before it is emptied. No worker
is among them: a test starts the worker that it needs, so no worker takes another test's messages.
"""

import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import pytest

from deploy.local.processes import Process, Processes
from deploy.local.readiness import grpc_address, wait_for_relay, web_address

# The servers log each request themselves.
logging.getLogger("httpx").setLevel(logging.WARNING)

APPLICATION = "twitter-live-test"  # the processes' application_name in PostgreSQL
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "twitter_project.settings.test",
    "PGAPPNAME": APPLICATION,
}

RUNSERVER = ("runserver", "--noreload", "127.0.0.1:0")  # coverage can trace its threads
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class System:
    """The processes that every test over the network needs, and their addresses."""

    web: str  # all four services; they call each other over the network
    users_grpc: str
    tweets_grpc: str
    accounts_server: Process
    tweets_server: Process
    relay: Process

    @property
    def environment(self) -> dict[str, str]:
        """Makes another process call these gRPC servers."""
        return {"USERS_GRPC": self.users_grpc, "TWEETS_GRPC": self.tweets_grpc}


@pytest.fixture(scope="session")
def processes(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    started = Processes(tmp_path_factory.mktemp("processes"), **ENVIRONMENT)
    # A signal that ends the run ends the processes, too.
    handlers = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield started
    finally:
        started.stop_all()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def system(processes: Processes) -> System:
    accounts, tweets = (
        processes.start("run_grpc_server", name, "--listen", "127.0.0.1:0", SERVICES=name)
        for name in ("accounts", "tweets")
    )
    relay = processes.start("run_outbox_relay")
    users_grpc = grpc_address(accounts, "accounts")
    tweets_grpc = grpc_address(tweets, "tweets")
    web = processes.start(*RUNSERVER, USERS_GRPC=users_grpc, TWEETS_GRPC=tweets_grpc)
    wait_for_relay(relay)
    return System(web_address(web), users_grpc, tweets_grpc, accounts, tweets, relay)


@pytest.fixture(autouse=True)
def process_logs(processes: Processes) -> Iterator[None]:
    """Adds the processes' output to a failed test's report."""
    processes.read_new_output()
    yield
    sys.stdout.write(processes.read_new_output())
