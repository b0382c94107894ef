"""A system for these tests alone: its own servers, ports and folders, and every process."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from deploy.services.servers import PASSWORD, USER, Ports, list_servers
from tests.chaos.deployment import (
    Deployment,
    as_part,
    free_ports,
    is_ready,
    postgres_url,
    wait_for_all,
)
from tests.chaos.faults import Targets
from tests.support.parts import server_part
from tests.support.proxy import Proxy


@dataclass(frozen=True)
class Chaos:
    """The command-line options."""

    seed: int
    seconds: float


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    return Chaos(request.config.getoption("chaos_seed"), request.config.getoption("chaos_seconds"))


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    subprocess.run(
        [sys.executable, "-m", "deploy.services", "install"], cwd=settings.BASE_DIR, check=True
    )
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="microblog-chaos-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # PostgreSQL's own user reads below it
        (folder / "log").mkdir()
        at = Ports(*free_ports(8))
        servers = list_servers(folder, clone=folder, at=at)
        server_parts = {server.name: server_part(server, folder / "log") for server in servers}
        for server in servers:
            server_parts[server.name].start()
            stack.callback(server_parts[server.name].end)
        wait_for_all({server.name: server.is_ready for server in servers})

        proxies = {
            "postgres": Proxy(at.postgres),
            "redis": Proxy(at.redis),
            "rabbitmq": Proxy(at.rabbitmq),
            "elasticsearch": Proxy(at.elasticsearch),
        }
        for proxy in proxies.values():
            stack.callback(proxy.close)
        users, tweets, first, second, standby_port = free_ports(5)
        environment = {
            "DATABASE_URL": postgres_url(proxies["postgres"].port, standby_port),
            "REDIS_URL": f"redis://127.0.0.1:{proxies['redis'].port}/0",
            "RABBITMQ_URL": f"amqp://{USER}:{PASSWORD}@127.0.0.1:{proxies['rabbitmq'].port}/%2F",
            "ELASTICSEARCH_URL": f"http://127.0.0.1:{proxies['elasticsearch'].port}",
            "USERS_GRPC": f"127.0.0.1:{users}",
            "TWEETS_GRPC": f"127.0.0.1:{tweets}",
            "USERS_GRPC_LISTEN": f"127.0.0.1:{users}",
            "TWEETS_GRPC_LISTEN": f"127.0.0.1:{tweets}",
            "DATA_DIR": str(folder),
        }
        webs = [f"http://127.0.0.1:{port}" for port in (first, second)]
        processes = [
            as_part(folder, environment, name, *arguments)
            for name, *arguments in (
                ("accounts", "run_grpc_server", "accounts"),
                ("tweets", "run_grpc_server", "tweets"),
                ("relay", "run_outbox_relay"),
                ("first feed worker", "run_feed_worker"),
                ("second feed worker", "run_feed_worker"),
                ("search worker", "run_search_worker"),
                ("tweets worker", "run_tweets_worker"),
                ("first web", "serve", "--port", str(first)),
                ("second web", "serve", "--port", str(second)),
            )
        ]
        made = Deployment(
            targets=Targets(
                processes=processes,
                servers=[part for name, part in server_parts.items() if name != "epmd"],
                proxies=proxies,
                rabbitmq=server_parts["rabbitmq"],
                postgres_url=postgres_url(at.postgres),
                redis_url=f"redis://127.0.0.1:{at.redis}/0",
                elasticsearch_url=f"http://127.0.0.1:{at.elasticsearch}",
            ),
            parts=[*server_parts.values(), *processes],
            webs=webs,
            environment=environment,
            management=f"http://127.0.0.1:{at.rabbitmq_management}/api",
            folder=folder,
            standby_port=standby_port,
        )
        migrated = made.manage("migrate", "--verbosity", "0")
        assert migrated.returncode == 0, migrated.stderr
        for process in processes:
            process.start()
            stack.callback(process.end)
        wait_for_all({web: partial(is_ready, web) for web in webs})
        yield made
