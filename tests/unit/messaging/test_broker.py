"""What every broker promises, asked of the one in use."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from django.conf import settings
from pika.adapters.base_connection import BaseConnection

from common.errors import Unavailable
from deploy.local.conditions import wait_until
from messaging.broker import Broker, Message, broker, dead_queue
from messaging.events import TweetLiked, encode
from messaging.worker import Worker, workers
from tests.conftest import is_real
from tests.support.proxy import Proxy

HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"  # a frame of AMQP
LIKED = TweetLiked(tweet_id=1, user_id=2, author_id=3, at=datetime(2026, 11, 23, tzinfo=UTC))


class Reader:
    """A worker of a queue of its own, and what it has handled."""

    def __init__(self) -> None:
        self.handled: list[int] = []
        self.outage = False
        self.worker = Worker(queue="test_likes", handlers={"tweet.liked": self._handle})

    def _handle(self, events: Sequence[TweetLiked]) -> None:
        if self.outage:
            raise Unavailable("a dependency is down")
        self.handled.extend(event.tweet_id for event in events)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Reader]:
    reader = Reader()
    monkeypatch.setitem(workers(), "test", reader.worker)
    broker().declare([reader.worker])
    broker().purge(reader.worker.queue)
    broker().purge(dead_queue(reader.worker.queue))
    yield reader
    if is_real():
        with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
            for queue in (reader.worker.queue, dead_queue(reader.worker.queue)):
                connection.channel().queue_delete(queue)


@pytest.fixture
def consuming(reader: Reader):
    """Consumes in a thread; ends it when asked, or at the end of the test."""
    threads: list[tuple[threading.Thread, threading.Event]] = []

    def start() -> Callable[[], None]:
        stop = threading.Event()
        thread = threading.Thread(target=broker().consume, args=(reader.worker, stop))
        thread.start()
        threads.append((thread, stop))

        def end() -> None:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

        return end

    yield start
    for thread, stop in threads:
        stop.set()
        thread.join(10)


def message(tweet_id: int) -> Message:
    event = TweetLiked(tweet_id=tweet_id, user_id=2, author_id=3, at=LIKED.at)
    return Message(
        message_id=f"m{tweet_id}",
        routing_key="tweet.liked",
        body=encode(event).encode(),
        timestamp=1_700_000_000,
    )


JUNK = Message(message_id="junk", routing_key="tweet.liked", body=b"junk", timestamp=0)


def test_what_was_published_waits_in_the_queues_bound_to_it(reader: Reader):
    broker().publish([message(1), message(2)])
    assert broker().depth(reader.worker.queue) == 2


def test_it_hands_messages_over_in_order_and_forgets_them(reader: Reader):
    broker().publish([message(n) for n in range(1, 251)])
    sizes = [broker().run_once(reader.worker) for _ in range(4)]
    assert sizes == [100, 100, 50, 0]
    assert reader.handled == list(range(1, 251))
    assert broker().depth(reader.worker.queue) == 0


def test_poison_is_set_aside_and_the_rest_goes_on(reader: Reader):
    broker().publish([message(1), JUNK, message(2)])
    broker().run_once(reader.worker)
    assert reader.handled == [1, 2]
    wait_until(lambda: broker().depth(dead_queue(reader.worker.queue)) == 1)
    (dead,) = broker().dead_letters(reader.worker, 10)
    assert (dead.message_id, dead.routing_key, dead.body) == ("junk", "tweet.liked", b"junk")
    wait_until(lambda: broker().depth(dead_queue(reader.worker.queue)) == 1)  # looking took none


def test_dead_letters_can_be_sent_back(reader: Reader):
    broker().publish([JUNK])
    broker().run_once(reader.worker)
    wait_until(lambda: broker().depth(dead_queue(reader.worker.queue)) == 1)
    assert broker().send_back(reader.worker, 10) == 1
    assert broker().depth(dead_queue(reader.worker.queue)) == 0
    assert broker().depth(reader.worker.queue) == 1


def test_an_outage_leaves_the_messages_where_they_are(reader: Reader):
    broker().publish([message(1)])
    reader.outage = True
    with pytest.raises(Unavailable):
        broker().run_once(reader.worker)
    broker().close()
    reader.outage = False
    wait_until(lambda: broker().run_once(reader.worker) == 1)
    assert reader.handled == [1]


def test_a_consumer_handles_what_comes(reader: Reader, consuming):
    end = consuming()
    broker().publish([message(n) for n in range(1, 301)])
    wait_until(lambda: len(reader.handled) == 300)
    end()
    assert reader.handled == list(range(1, 301))
    assert broker().depth(reader.worker.queue) == 0


def test_a_consumer_waits_for_a_dependency_and_goes_on(reader: Reader, consuming):
    reader.outage = True
    end = consuming()
    broker().publish([message(1), message(2)])
    reader.outage = False
    wait_until(lambda: reader.handled == [1, 2])
    end()


def test_a_consumer_that_is_stopped_during_an_outage_leaves_its_messages(reader: Reader, consuming):
    reader.outage = True
    end = consuming()
    broker().publish([message(1)])
    end()
    reader.outage = False
    wait_until(lambda: broker().run_once(reader.worker) == 1)
    assert reader.handled == [1]


def test_two_consumers_share_the_work(reader: Reader, consuming):
    ends = [consuming(), consuming()]
    broker().publish([message(n) for n in range(1, 101)])
    wait_until(lambda: set(reader.handled) == set(range(1, 101)))
    for end in ends:
        end()


@pytest.mark.real
@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1:1", "refused"), ("nowhere.invalid", "not known")]
)
def test_a_broker_that_is_down_is_an_outage(host: str, reason: str, reader: Reader):
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    nowhere: Broker = RabbitMQBroker(f"amqp://test:test@{host}/%2F")
    for call in (
        lambda: nowhere.publish([message(1)]),
        lambda: nowhere.depth("general_tweets"),
        lambda: nowhere.declare([reader.worker]),
    ):
        with pytest.raises(Unavailable, match=reason):
            call()


class FirstPause(threading.Event):
    """Is set by who waits for it."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


@pytest.mark.real
def test_a_worker_waits_for_a_broker_whose_name_is_not_known(
    reader: Reader, caplog: pytest.LogCaptureFixture
):
    """As in a cluster where the broker is being moved."""
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    RabbitMQBroker("amqp://test:test@nowhere.invalid/%2F").consume(reader.worker, FirstPause())

    assert "RabbitMQ is away" in caplog.text


@pytest.mark.real
def test_a_worker_waits_for_a_broker_that_hangs_while_one_connects(
    reader: Reader, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    from messaging.backends.rabbitmq import connections
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    monkeypatch.setattr(connections, "_CONNECT_SECONDS", 0.2)
    with behind_a_proxy() as (url, proxy):
        proxy.stall()
        RabbitMQBroker(url).consume(reader.worker, FirstPause())

    assert "RabbitMQ is away" in caplog.text


@pytest.mark.real
def test_heartbeats_are_served_while_a_handler_works(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    """RabbitMQ closes the connection after two missed heartbeats, and delivers the rest again."""
    from messaging.backends.rabbitmq import broker as module

    sent: list[bytes] = []
    send: Any = BaseConnection.__dict__["_adapter_emit_data"]

    def count(connection: object, data: bytes) -> None:
        sent.append(data)
        send(connection, data)

    stop, deliveries = threading.Event(), list[int]()

    def handle(events: Sequence[TweetLiked]) -> None:
        stop.set()
        deliveries.extend(event.tweet_id for event in events)
        monkeypatch.setattr(BaseConnection, "_adapter_emit_data", count)
        wait_until(lambda: sent.count(HEARTBEAT) >= 8, seconds=10)

    monkeypatch.setattr(module, "_HEARTBEAT_SECONDS", 1)
    slow = replace(reader.worker, handlers={"tweet.liked": handle})
    broker().publish([message(1), message(2)])
    module.RabbitMQBroker(str(settings.RABBITMQ_URL)).consume(slow, stop)

    assert deliveries == [1, 2]
    assert broker().depth(slow.queue) == 0


@contextmanager
def behind_a_proxy() -> Iterator[tuple[str, Proxy]]:
    """The broker's URL, by way of a proxy."""
    url = urlsplit(str(settings.RABBITMQ_URL))
    with closing(Proxy(url.port or 0)) as proxy:
        place = f"{url.username}:{url.password}@127.0.0.1:{proxy.port}"
        yield url._replace(netloc=place).geturl(), proxy


@pytest.mark.real
@pytest.mark.parametrize(
    "last", [b"\x00\x0a\x00\x29", b"\x00\x14\x00\x0b", b"\x00\x55\x00\x0b"],
    ids=["connection open", "channel open", "confirms on"],
)  # fmt: skip
def test_a_broker_that_dies_while_one_connects_is_an_outage(last: bytes):
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    with behind_a_proxy() as (url, proxy):
        proxy.close_after(when_told=last)
        dying: Broker = RabbitMQBroker(url)
        for _ in range(2):
            with pytest.raises(Unavailable):
                dying.publish([message(1)])


@pytest.mark.real
def test_a_batch_is_sent_at_once_however_large(reader: Reader, monkeypatch: pytest.MonkeyPatch):
    broker().publish([message(1)])  # connects
    sent: list[bytes] = []
    send: Any = BaseConnection.__dict__["_adapter_emit_data"]

    def count(connection: object, data: bytes) -> None:
        sent.append(data)
        send(connection, data)

    monkeypatch.setattr(BaseConnection, "_adapter_emit_data", count)
    large = replace(JUNK, body=b"a" * 300_000)  # of several frames
    broker().publish([message(2), large, *map(message, range(3, 300))])

    assert len(sent) == 1
    assert broker().depth(reader.worker.queue) == 300
