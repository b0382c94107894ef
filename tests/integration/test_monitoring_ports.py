"""The monitoring ports of the running processes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.local import ports
from deploy.local.conditions import wait_until
from deploy.local.processes import Process
from deploy.local.readiness import monitor_address
from tests.support.metrics import Metrics
from tests.support.people import Member, post_tweet
from tests.support.system import ENVIRONMENT, System

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def web(system: System, tmp_path: Path) -> Iterator[tuple[Process, str]]:
    """A web server with two processes, and its address."""
    port = ports.find_free()
    server = Process(
        tmp_path / "serve.log",
        *("serve", "--workers", "2", "--threads", "1", "--port", str(port)),
        **ENVIRONMENT,
        **system.environment,
    )
    server.wait_until(lambda: server.find_in_log("(Serving on)"))
    yield server, f"http://127.0.0.1:{port}"
    server.terminate()
    assert server.wait() == 0


def test_the_metrics_of_two_web_processes_are_summed(web: tuple[Process, str]) -> None:
    server, address = web
    for _ in range(40):  # one connection each, so that both processes serve some
        assert httpx.get(f"{address}/users/nobody").status_code == 404

    monitor = monitor_address(server)
    count = Metrics(monitor)(
        "microblog_http_request_seconds_count", route="/users/<str:name>", status="404"
    )
    assert count == 40
    assert httpx.get(f"{monitor}/ready").json() == {
        "status": "ok",
        "parts": {"database": "ok", "server": "ok"},
    }


async def test_each_process_counts_its_part_of_a_tweets_path(
    system: System, http: httpx.AsyncClient, alice: Member, tweets_worker: Process
) -> None:
    relay, worker = monitor_address(system.relay), monitor_address(tweets_worker)
    accounts = monitor_address(system.accounts_server)
    handled = {"queue": "tweet_counters", "type": "tweet.created"}
    increments = {"method": "IncrementTweets", "code": "OK"}
    published_before = Metrics(relay)("microblog_outbox_published_total")
    answered_before = Metrics(accounts)("microblog_rpc_server_seconds_count", **increments)

    await post_tweet(http, alice, "a zebra crossing")

    wait_until(lambda: Metrics(worker)("microblog_messages_handled_total", **handled) >= 1)
    assert Metrics(worker)("microblog_rpc_client_seconds_count", **increments) >= 1
    assert Metrics(accounts)("microblog_rpc_server_seconds_count", **increments) > answered_before
    assert Metrics(relay)("microblog_outbox_published_total") > published_before
    assert {
        "microblog_outbox_pending",
        "microblog_outbox_oldest_seconds",
        "microblog_queue_messages",
    } <= Metrics(relay).names


def test_relay_worker_and_grpc_server_report_readiness(
    system: System, tweets_worker: Process
) -> None:
    for process, parts in {
        system.relay: {"relay"},
        tweets_worker: {"tweet_counters"},
        system.accounts_server: {"database", "server"},
    }.items():
        monitor = monitor_address(process)
        process.wait_until(partial(is_ready, monitor))
        assert set(httpx.get(f"{monitor}/ready").json()["parts"]) == parts
        assert httpx.get(f"{monitor}/health").json() == {"status": "ok"}


def is_ready(monitor: str) -> bool:
    return httpx.get(f"{monitor}/ready").status_code == 200


def test_a_worker_without_its_broker_is_alive_and_not_ready(tmp_path: Path) -> None:
    closed = "amqp://127.0.0.1:1/"
    worker = Process(
        tmp_path / "worker.log", "run_tweets_worker", **ENVIRONMENT, RABBITMQ_URL=closed
    )
    try:
        monitor = monitor_address(worker)
        worker.wait_until(lambda: worker.find_in_log("(RabbitMQ is down)"))

        answer = httpx.get(f"{monitor}/ready")

        assert answer.status_code == 503
        assert answer.json() == {"status": "down", "parts": {"tweet_counters": "down"}}
        assert httpx.get(f"{monitor}/health").status_code == 200
        assert Metrics(monitor)("microblog_loop_up", loop="tweet_counters") == 0
    finally:
        worker.terminate()
        worker.wait()
