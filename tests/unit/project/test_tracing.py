"""One trace covers a request and all that follows from it, on the real servers.

Web, relay, gRPC servers and workers run in this process, so that one exporter gets all spans. They
talk over real gRPC, PostgreSQL, RabbitMQ, Redis and Elasticsearch connections.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rest_framework.test import APIClient

from accounts.models import User
from common.ids import new_id
from common.observability import tracing
from grpc_services import channels
from grpc_services.servers import Server
from messaging.broker import broker
from messaging.models import OutboxEvent
from messaging.relay import relay_all
from messaging.worker import Delivery, Worker
from tests.support.channels import network, reset_channels

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.start(SimpleSpanProcessor(exporter))
    yield exporter
    tracing.stop()
    connections.close_all()


@pytest.fixture
def spans(exporter: InMemorySpanExporter, transactional_db: None) -> InMemorySpanExporter:
    connections.close_all()  # new connections are traced
    exporter.clear()
    return exporter


@pytest.fixture
def grpc_servers(settings: Any, transactional_db: None) -> Iterator[None]:
    servers = {service: Server(service, "127.0.0.1:0") for service in ("accounts", "tweets")}
    for server in servers.values():
        server.start()
    settings.GRPC_CHANNELS = {service: network(server.port) for service, server in servers.items()}
    reset_channels()
    yield
    for service, server in servers.items():
        channels.channel(service).close()
        server.stop()
    reset_channels()


def test_posting_a_tweet_and_its_fan_out_are_one_trace(
    alice: User,
    grpc_servers: None,
    sign_in: Callable[[User], APIClient],
    drain: Callable[[], None],
    spans: InMemorySpanExporter,
) -> None:
    api = sign_in(alice)
    api.get("/feed")  # materialises her timeline
    drain()
    spans.clear()

    assert api.post("/tweet", {"content": "a zebra crossing"}).status_code == 200
    drain()

    request = named(spans, "POST /tweet")
    assert request.parent is None
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    trace = of_trace(spans, request)
    names = {span.name for span in trace}
    assert {
        "POST /tweet",
        "publish tweet.created",
        "general_tweets tweet.created",
        "search_tweets tweet.created",
        "tweet_counters tweet.created",
        "user_service.User/GetFollowerIds",
        "user_service.User/IncrementTweets",
        "redis push",
        "bulk",
    } <= names
    assert names & {"INSERT", "WITH"}, "PostgreSQL"

    publish = only(trace, "publish tweet.created")
    assert parent(trace, publish) is request
    fan_out = only(trace, "general_tweets tweet.created")
    assert parent(trace, fan_out) is publish
    assert parent(trace, only(trace, "redis push")) is fan_out
    asked, answered = sorted(
        (span for span in trace if span.name == "user_service.User/GetFollowerIds"),
        key=lambda span: span.kind.name,
    )
    assert (asked.kind.name, answered.kind.name) == ("CLIENT", "SERVER")
    assert parent(trace, asked) is fan_out
    assert parent(trace, answered) is asked
    bulk = only(trace, "bulk")
    assert parent(trace, bulk) is only(trace, "search_tweets tweet.created")


def test_a_batch_has_a_span_in_the_trace_of_each_message(
    empty_queues: None, spans: InMemorySpanExporter
) -> None:
    parents = [f"00-{number:032x}-{number:016x}-01" for number in (1, 2)]
    worker = Worker(queue="zebras", handlers={"tweet.deleted": lambda events: None})
    body = b'{"id": "1", "user_id": "1", "deleted_at": "2026-01-01T00:00:00.000Z"}'

    worker.process(
        [
            Delivery(
                tag=1, message_id="1", routing_key="tweet.deleted", body=body, traceparent=parent
            )
            for parent in parents
        ]
    )

    other, work = sorted(
        spans.get_finished_spans(), key=lambda span: span.context.trace_id, reverse=True
    )
    assert (work.context.trace_id, other.context.trace_id) == (1, 2)
    assert [link.context for link in other.links] == [work.context]


def test_an_event_without_a_traced_request_starts_no_trace(
    empty_queues: None, spans: InMemorySpanExporter
) -> None:
    OutboxEvent.objects.create(
        id=new_id(), routing_key="tests.asked", body="{}", created_at=timezone.now()
    )

    relay_all(broker())

    assert not spans.get_finished_spans()


def test_a_failed_span_holds_no_exception_text(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="zebra"), tracing.span("refuse", "server"):
        raise ValueError("Key (email)=(zebra@example.com) is there")

    span = named(spans, "refuse").to_json()
    assert '"status_code": "ERROR"' in span
    assert "zebra" not in span


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    return only(list(spans.get_finished_spans()), name)


def only(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    (found,) = (span for span in spans if span.name == name)
    return found


def of_trace(spans: InMemorySpanExporter, root: ReadableSpan) -> list[ReadableSpan]:
    return [
        span
        for span in spans.get_finished_spans()
        if span.context.trace_id == root.context.trace_id
    ]


def parent(spans: list[ReadableSpan], child: ReadableSpan) -> ReadableSpan:
    assert child.parent is not None
    (found,) = (span for span in spans if span.context.span_id == child.parent.span_id)
    return found
