import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.utils import timezone

from benchmarks import amqp
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from common.ids import new_ids
from messaging.broker import broker
from messaging.events import TweetCreated, encode
from messaging.worker import Worker

MESSAGES = 10_000
QUEUE = "benchmark"


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    with testbed.amqp() as channel:
        broker().declare([Worker(queue=QUEUE, handlers={"tweet.created": lambda events: None})])

        def ours() -> float:
            ids = _fill()
            rate, seen = _consume()
            _check(seen, ids)
            return rate

        def limit() -> float:
            ids = _fill()
            rate, seen = amqp.consume(QUEUE, MESSAGES)
            _check({int(id) for id in seen}, ids)
            return rate

        yield Comparison(ours=ours, limit=limit)
        channel.queue_delete(QUEUE)


def _fill() -> set[int]:
    ids = set(new_ids(MESSAGES))
    amqp.publish("", QUEUE, [_message(id) for id in ids])
    return ids


def _consume() -> tuple[float, set[int]]:
    """Our consumer with a handler that only collects the ids."""
    seen: set[int] = set()
    stop = threading.Event()
    begun = ended = 0.0

    def collect(events: Sequence[TweetCreated]) -> None:
        nonlocal begun, ended
        if not seen:
            begun = time.perf_counter()
        seen.update(event.id for event in events)
        if len(seen) == MESSAGES:
            ended = time.perf_counter()
            stop.set()

    broker().consume(Worker(queue=QUEUE, handlers={"tweet.created": collect}), stop)
    return MESSAGES / (ended - begun), seen


def _check(seen: set[int], ids: set[int]) -> None:
    if seen != ids or broker().depth(QUEUE):
        raise CheckFailed("the consumer missed a message or did not acknowledge it")


def _message(id: int) -> amqp.Message:
    event = TweetCreated(
        id=id, user_id=id, content="The first snow.", parent_id=None, created_at=timezone.now()
    )
    return amqp.properties(str(id), event.routing_key), encode(event).encode()


ROW = Row(
    name="consumer",
    quantity="consumer, no work",
    limit="pika, prefetch 1000, one ack per 100",
    unit="messages/s",
    sense=Sense.SHARE,
    gate=0.50,
    goal=0.71,
    prepare=prepare,
)
