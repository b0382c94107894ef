"""The promises of `messaging.broker.Broker`, tested on the backend in use."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pika
import pytest
from django.conf import settings

from common.errors import Unavailable
from deploy.local.conditions import wait_until
from messaging.broker import Broker, Message, broker, dead_queue
from messaging.events import TweetLiked, encode
from messaging.worker import Worker, workers
from tests.conftest import is_real
from tests.support.proxy import Proxy

HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"  # an AMQP frame
LIKED = TweetLiked(tweet_id=1, user_id=2, author_id=3, at=datetime(2026, 11, 23, tzinfo=UTC))


class Recorder:
    """A worker with a queue of its own, and the ids that it handled."""

    def __init__(self) -> None:
        self.handled: list[int] = []
        self.outage = False
        self.worker = Worker(queue="test_likes", handlers={"tweet.liked": self._handle})

    def _handle(self, events: Sequence[TweetLiked]) -> None:
        if self.outage:
            raise Unavailable("a dependency is down")
        self.handled.extend(event.tweet_id for event in events)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Recorder]:
    recorder = Recorder()
    monkeypatch.setitem(workers(), "test", recorder.worker)
    broker().declare([recorder.worker])
    broker().purge(recorder.worker.queue)
    broker().purge(dead_queue(recorder.worker.queue))
    yield recorder
    if is_real():
        with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
            for queue in (recorder.worker.queue, dead_queue(recorder.worker.queue)):
                connection.channel().queue_delete(queue)


@pytest.fixture
def consuming(recorder: Recorder):
    """Starts a consumer in a thread. Returns a function that stops it."""
    threads: list[tuple[threading.Thread, threading.Event]] = []

    def start() -> Callable[[], None]:
        stop = threading.Event()
        thread = threading.Thread(target=broker().consume, args=(recorder.worker, stop))
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


def test_a_published_message_is_in_the_queues_bound_to_its_type(recorder: Recorder):
    broker().publish([message(1), message(2)])
    assert broker().depth(recorder.worker.queue) == 2


def test_messages_are_handled_in_order_and_removed(recorder: Recorder):
    broker().publish([message(n) for n in range(1, 251)])
    sizes = [broker().run_once(recorder.worker) for _ in range(4)]
    assert sizes == [100, 100, 50, 0]
    assert recorder.handled == list(range(1, 251))
    assert broker().depth(recorder.worker.queue) == 0


def test_an_unreadable_message_becomes_a_dead_letter_and_others_are_handled(recorder: Recorder):
    broker().publish([message(1), JUNK, message(2)])
    broker().run_once(recorder.worker)
    assert recorder.handled == [1, 2]
    wait_until(lambda: broker().depth(dead_queue(recorder.worker.queue)) == 1)
    (dead,) = broker().dead_letters(recorder.worker, 10)
    assert (dead.message_id, dead.routing_key, dead.body) == ("junk", "tweet.liked", b"junk")
    wait_until(
        lambda: broker().depth(dead_queue(recorder.worker.queue)) == 1
    )  # reading does not remove it


def test_dead_letters_can_be_moved_back_to_their_queue(recorder: Recorder):
    broker().publish([JUNK])
    broker().run_once(recorder.worker)
    wait_until(lambda: broker().depth(dead_queue(recorder.worker.queue)) == 1)
    assert broker().send_back(recorder.worker, 10) == 1
    assert broker().depth(dead_queue(recorder.worker.queue)) == 0
    assert broker().depth(recorder.worker.queue) == 1


def test_an_outage_keeps_the_messages_in_the_queue(recorder: Recorder):
    broker().publish([message(1)])
    recorder.outage = True
    with pytest.raises(Unavailable):
        broker().run_once(recorder.worker)
    broker().close()
    recorder.outage = False
    wait_until(lambda: broker().run_once(recorder.worker) == 1)
    assert recorder.handled == [1]


def test_a_consumer_handles_new_messages(recorder: Recorder, consuming):
    end = consuming()
    broker().publish([message(n) for n in range(1, 301)])
    wait_until(lambda: len(recorder.handled) == 300)
    end()
    assert recorder.handled == list(range(1, 301))
    assert broker().depth(recorder.worker.queue) == 0


def test_a_consumer_retries_after_an_outage_of_a_dependency(recorder: Recorder, consuming):
    recorder.outage = True
    end = consuming()
    broker().publish([message(1), message(2)])
    recorder.outage = False
    wait_until(lambda: recorder.handled == [1, 2])
    end()


def test_a_consumer_stopped_during_an_outage_keeps_its_messages_in_the_queue(
    recorder: Recorder, consuming
):
    recorder.outage = True
    end = consuming()
    broker().publish([message(1)])
    end()
    recorder.outage = False
    wait_until(lambda: broker().run_once(recorder.worker) == 1)
    assert recorder.handled == [1]


def test_two_consumers_share_the_work(recorder: Recorder, consuming):
    ends = [consuming(), consuming()]
    broker().publish([message(n) for n in range(1, 101)])
    wait_until(lambda: set(recorder.handled) == set(range(1, 101)))
    for end in ends:
        end()


@pytest.mark.real
@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1:1", "refused"), ("nowhere.invalid", "not known")]
)
def test_a_broker_that_is_down_is_an_outage(host: str, reason: str, recorder: Recorder):
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    down: Broker = RabbitMQBroker(f"amqp://test:test@{host}/%2F")
    for call in (
        lambda: down.publish([message(1)]),
        lambda: down.depth("general_tweets"),
        lambda: down.declare([recorder.worker]),
    ):
        with pytest.raises(Unavailable, match=reason):
            call()


class FirstPause(threading.Event):
    """A stop event that is set by the first wait for it."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


@pytest.mark.real
def test_a_worker_retries_while_the_broker_name_does_not_resolve(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
):
    """A cluster moves the broker, for example."""
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    RabbitMQBroker("amqp://test:test@nowhere.invalid/%2F").consume(recorder.worker, FirstPause())

    assert "RabbitMQ is down" in caplog.text


@pytest.mark.real
def test_a_worker_retries_while_the_broker_does_not_answer_the_handshake(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    from messaging.backends.rabbitmq import connections
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.2)
    with behind_a_proxy() as (url, proxy):
        proxy.stall()
        RabbitMQBroker(url).consume(recorder.worker, FirstPause())

    assert "RabbitMQ is down" in caplog.text


@pytest.mark.real
def test_heartbeats_are_sent_while_a_handler_runs(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
):
    """RabbitMQ closes a connection after two missed heartbeats and delivers its messages again."""
    from messaging.backends.rabbitmq import broker as module

    stop, deliveries = threading.Event(), list[int]()

    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 1)
    broker().publish([message(1), message(2)])
    with behind_a_proxy() as (url, proxy):

        def handle(events: Sequence[TweetLiked]) -> None:
            stop.set()
            deliveries.extend(event.tweet_id for event in events)
            proxy.start_counting(HEARTBEAT)
            wait_until(lambda: proxy.count >= 8, seconds=10)

        slow = replace(recorder.worker, handlers={"tweet.liked": handle})
        module.RabbitMQBroker(url).consume(slow, stop)

    assert deliveries == [1, 2]
    assert broker().depth(slow.queue) == 0


@pytest.mark.real
def test_a_worker_reconnects_if_broker_and_dependency_fail_during_a_handler(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    from messaging.backends.rabbitmq import broker as module

    stop, deliveries = threading.Event(), list[int]()
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 1)
    broker().publish([message(1)])
    with behind_a_proxy() as (url, proxy):

        def handle(events: Sequence[TweetLiked]) -> None:
            if "lost during a handler" not in caplog.text:
                proxy.cut()
                wait_until(lambda: "lost during a handler" in caplog.text, seconds=10)
                raise Unavailable("a dependency is down")
            stop.set()
            deliveries.extend(event.tweet_id for event in events)

        failing = replace(recorder.worker, handlers={"tweet.liked": handle})
        module.RabbitMQBroker(url).consume(failing, stop)

    assert deliveries == [1]
    assert broker().depth(failing.queue) == 0


@contextmanager
def behind_a_proxy() -> Iterator[tuple[str, Proxy]]:
    """The URL of a proxy to the broker."""
    url = urlsplit(str(settings.RABBITMQ_URL))
    with closing(Proxy(url.port or 0)) as proxy:
        address = f"{url.username}:{url.password}@127.0.0.1:{proxy.port}"
        yield url._replace(netloc=address).geturl(), proxy


@pytest.mark.real
@pytest.mark.parametrize(
    "last", [b"\x00\x0a\x00\x29", b"\x00\x14\x00\x0b", b"\x00\x55\x00\x0b"],
    ids=["connection open", "channel open", "confirms on"],
)  # fmt: skip
def test_a_broker_that_dies_during_the_handshake_is_an_outage(last: bytes):
    from messaging.backends.rabbitmq.broker import RabbitMQBroker

    with behind_a_proxy() as (url, proxy):
        proxy.close_after(last)
        down: Broker = RabbitMQBroker(url)
        for _ in range(2):
            with pytest.raises(Unavailable):
                down.publish([message(1)])


@pytest.mark.real
def test_a_batch_takes_few_system_calls(recorder: Recorder, monkeypatch: pytest.MonkeyPatch):
    broker().publish([message(1)])  # connects
    sent: list[int] = []
    send = socket.socket.send

    def count(self: socket.socket, data: bytes, *flags: int) -> int:
        sent.append(len(data))
        return send(self, data, *flags)

    monkeypatch.setattr(socket.socket, "send", count)
    large = replace(JUNK, body=b"a" * 300_000)  # several frames
    broker().publish([message(2), large, *map(message, range(3, 300))])

    assert sum(sent) > 300_000
    assert len(sent) < 30  # each message has three frames
    assert broker().depth(recorder.worker.queue) == 300
