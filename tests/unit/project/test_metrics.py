"""Metrics."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from common.ids import new_id
from common.observability import monitor
from grpc_services.clients import accounts
from messaging import loop_health
from messaging.broker import Message, broker
from messaging.models import OutboxEvent, RefusedMessage
from messaging.worker import Delivery, Worker
from tests.support.channels import reset_channels
from tests.support.metrics import Metrics

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], APIClient]


@pytest.fixture(scope="session")
def read() -> Callable[[], Metrics]:
    """Reads the current metrics of this process."""
    address = monitor.start(dict, "messaging.backlog.Backlog")
    assert address is not None
    return lambda: Metrics(address)


@pytest.fixture
def counted(read: Callable[[], Metrics]) -> Callable[..., float]:
    """How much a metric has grown during the test."""
    before = read()
    return lambda name, **labels: read()(name, **labels) - before(name, **labels)


def test_requests_are_counted_by_url_pattern(
    api: APIClient, alice: User, counted: Callable[..., float]
) -> None:
    for name in ("alice", "nobody", "nothing"):
        api.get(f"/users/{name}")

    count = "microblog_http_request_seconds_count"
    assert counted(count, route="/users/<str:name>", method="GET", status="200") == 1
    assert counted(count, route="/users/<str:name>", method="GET", status="404") == 2


def test_unknown_paths_and_methods_share_one_series(
    api: APIClient, counted: Callable[..., float], read: Callable[[], Metrics]
) -> None:
    before = len(read().names)
    for word in ("zebra", "giraffe", "lion"):
        api.get(f"/{word}/{word}")
        api.generic(word.upper(), f"/{word}/{word}")

    count = "microblog_http_request_seconds_count"
    assert counted(count, route="other", method="GET", status="404") == 3
    assert counted(count, route="other", method="other", status="404") == 3
    assert len(read().names) == before


def test_a_tweet_is_counted_at_each_step(
    alice: User,
    bob: User,
    sign_in: SignIn,
    drain: Callable[[], None],
    counted: Callable[..., float],
) -> None:
    bob_api = sign_in(bob)
    bob_api.post("/follow", {"following_id": str(alice.id)})
    drain()
    sign_in(alice).post("/tweet", {"content": "a zebra crossing"})
    drain()
    for _ in range(2):
        bob_api.get("/feed")

    created = {"type": "tweet.created"}
    assert counted("microblog_outbox_published_total") == 2
    handled = "microblog_messages_handled_total"
    assert counted(handled, queue="general_tweets", type="user.followed") == 1
    for queue in ("general_tweets", "search_tweets", "tweet_counters"):
        assert counted(handled, queue=queue, **created) == 1
        assert counted("microblog_handler_seconds_count", queue=queue, **created) == 1
    assert counted("microblog_feed_rebuild_seconds_count") == 1
    assert counted("microblog_fanout_deliveries_total") == 1  # bob's; alice never read hers
    assert counted("microblog_fanout_lag_seconds_count") == 1
    assert 0 < counted("microblog_fanout_lag_seconds_sum") < 30
    assert counted("microblog_index_lag_seconds_count") == 1
    assert counted("microblog_fragments_read_total") == 2
    assert counted("microblog_fragments_missed_total", kind="tweet") == 1
    assert counted("microblog_fragments_missed_total", kind="user") == 1  # alice, as she posts


def test_dead_letters_are_counted_by_queue(
    empty_queues: None, counted: Callable[..., float]
) -> None:
    def fail(_: object) -> None:
        raise ConnectionError("no broker, no cry")

    worker = Worker(queue="zebras", handlers={"tweet.deleted": fail})
    body = b'{"id": "1", "user_id": "1", "deleted_at": "2026-01-01T00:00:00.000Z"}'
    deliveries = [
        Delivery(tag=1, message_id="1", routing_key="tweet.deleted", body=b"{"),
        Delivery(tag=2, message_id="2", routing_key="tweet.deleted", body=body),
    ]
    assert worker.process(deliveries) == {1, 2}

    assert counted("microblog_dead_letters_total", queue="zebras") == 2
    assert counted("microblog_messages_handled_total", queue="zebras") == 0


def test_an_rpc_is_counted_by_method_and_status_code(
    alice: User, counted: Callable[..., float]
) -> None:
    reset_channels()

    accounts.find_user(user_id=alice.id)

    labels = {"service": "user_service.User", "method": "GetUser", "code": "OK"}
    assert counted("microblog_rpc_client_seconds_count", **labels) == 1


def test_backlogs_are_measured_by_size_and_age(
    empty_queues: None, transactional_db: None, read: Callable[[], Metrics]
) -> None:
    OutboxEvent.objects.all().delete()
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    OutboxEvent.objects.create(
        id=new_id(), routing_key="tests.asked", body="{}", created_at=a_minute_ago
    )
    broker().publish([Message(message_id="1", routing_key="tweet.liked", body=b"{}", timestamp=0)])
    RefusedMessage.objects.create(
        queue="search_tweets", message_id="1", routing_key="tweet.created", body=b"{}", timestamp=0
    )

    metrics = read()

    assert metrics("microblog_outbox_pending") == 1
    assert 60 <= metrics("microblog_outbox_oldest_seconds") < 90
    assert metrics("microblog_queue_messages", queue="tweet_counters") == 1
    assert metrics("microblog_queue_messages", queue="tweet_counters.dead") == 0
    assert metrics("microblog_refused_messages", queue="search_tweets") == 1
    assert metrics("microblog_backlog_known") == 2


def test_a_loop_reports_whether_it_is_up(read: Callable[[], Metrics]) -> None:
    loop_health.mark("zebras", up=True)
    assert loop_health.is_up("zebras")
    assert read()("microblog_loop_up", loop="zebras") == 1

    loop_health.mark("zebras", up=False)
    assert not loop_health.is_up("zebras")
    assert read()("microblog_loop_up", loop="zebras") == 0
