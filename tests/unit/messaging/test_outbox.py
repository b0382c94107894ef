from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pika
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from common.db import atomic
from common.errors import Unavailable
from messaging.broker import Message, broker, dead_queue
from messaging.events import TweetDeleted
from messaging.models import OutboxEvent, RefusedMessage
from messaging.outbox import KEPT, prune, publish
from messaging.relay import publish_refused, relay_all, relay_batch
from messaging.worker import Worker, workers
from tests.support.publishing import USING, deleted, publish_all


class Recorder:
    """A broker that records the published ids, and refuses all messages while `down`."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.down = False

    def publish(self, messages) -> list[Message]:
        if self.down:
            raise Unavailable("the broker is down")
        self.ids += [message.message_id for message in messages]
        return []


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_an_event_is_rolled_back_with_its_change(transactional_db):
    def change() -> None:
        with atomic("tweets"):
            publish(deleted(), service="tweets")
            raise LookupError

    with pytest.raises(LookupError):
        change()
    assert not OutboxEvent.objects.exists()


def test_publishing_outside_a_transaction_is_refused(transactional_db):
    with pytest.raises(RuntimeError, match="transaction"):
        publish(deleted(), service="tweets")


def test_an_event_whose_id_is_taken_gets_another_one(db, monkeypatch):
    publish_all(1)
    taken = OutboxEvent.objects.get().id
    draws = iter([[taken], [taken + 1]])
    monkeypatch.setattr("messaging.outbox.new_ids", lambda count: next(draws))
    publish_all(1)
    assert OutboxEvent.objects.count() == 2


def test_the_relay_publishes_in_order_and_once(db, recorder):
    publish_all(7)
    ids = [str(id) for id in OutboxEvent.objects.pending().values_list("id", flat=True)]
    assert [relay_batch(USING, recorder, limit=5) for _ in range(3)] == [5, 2, 0]
    assert recorder.ids == ids
    assert not OutboxEvent.objects.pending().exists()


def test_unconfirmed_events_stay_pending(db, recorder):
    publish_all(3)
    recorder.down = True
    with pytest.raises(Unavailable):
        relay_batch(USING, recorder)
    recorder.down = False
    assert relay_batch(USING, recorder) == 3


@pytest.mark.real
def test_concurrent_relays_publish_every_event_once(transactional_db, recorder):
    publish_all(1000)

    def work(_: int) -> int:
        try:
            return sum(iter(lambda: relay_batch(USING, recorder, limit=20), 0))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(work, range(4)))
    assert sum(counts) == 1000
    assert len(set(recorder.ids)) == len(recorder.ids) == 1000
    assert sum(1 for count in counts if count) > 1


def test_every_bound_queue_gets_the_event(db, empty_queues):
    publish_all(2)
    assert relay_all(broker()) == 2
    assert {w.queue: broker().depth(w.queue) for w in workers().values()} == {
        "feed_slices": 0,
        "general_tweets": 2,
        "search_slices": 0,
        "search_tweets": 2,
        "tweet_counters": 2,
    }


def test_old_published_events_are_pruned_and_pending_ones_are_not(db):
    publish_all(3)
    first, second, _ = OutboxEvent.objects.order_by("id")
    long_ago = timezone.now() - KEPT - timedelta(minutes=1)
    OutboxEvent.objects.filter(id=first.id).update(published_at=long_ago)
    OutboxEvent.objects.filter(id=second.id).update(published_at=timezone.now())
    assert prune(USING) == 1
    assert not OutboxEvent.objects.filter(id=first.id).exists()
    assert OutboxEvent.objects.count() == 2


class CountingWorker:
    """A worker with a queue of its own, and how often it handled each id."""

    def __init__(self, queue: str) -> None:
        self.handled = Counter[int]()
        self.worker = Worker(queue=queue, handlers={"tweet.deleted": self._handle})

    def _handle(self, events: Sequence[TweetDeleted]) -> None:
        self.handled.update(event.id for event in events)

    def run_once(self) -> int:
        return broker().run_once(self.worker)


@pytest.fixture
def small_and_large(transactional_db, empty_queues, monkeypatch):
    """A queue with room for some five messages, and a queue without a limit."""
    from messaging.backends.rabbitmq import queues

    small, large = CountingWorker("test_small"), CountingWorker("test_large")
    for counting, length in ((small, 5), (large, queues.MAX_LENGTH)):
        monkeypatch.setitem(workers(), counting.worker.queue, counting.worker)
        monkeypatch.setattr(queues, "MAX_LENGTH", length)
        broker().declare([counting.worker])
    monkeypatch.setattr(queues, "MAX_LENGTH", 5)
    yield small, large
    with pika.BlockingConnection(pika.URLParameters(str(settings.RABBITMQ_URL))) as connection:
        for counting in (small, large):
            for queue in (counting.worker.queue, dead_queue(counting.worker.queue)):
                connection.channel().queue_delete(queue)


@pytest.mark.real
def test_a_full_queue_delays_no_other_queue_and_loses_nothing(small_and_large):
    small, large = small_and_large
    for _ in range(4):  # RabbitMQ's limit is soft: a first batch may fit
        publish_all(50)
        assert relay_batch(USING, broker()) == 50
    assert not OutboxEvent.objects.pending().exists()
    assert set(RefusedMessage.objects.values_list("queue", flat=True)) == {"test_small"}

    while large.run_once():
        pass
    while RefusedMessage.objects.exists():
        small.run_once()
        publish_refused(USING, broker())
    while small.run_once():
        pass
    for counting in (small, large):
        assert counting.handled.keys() == set(range(1, 51))
        assert min(counting.handled.values()) >= 4
