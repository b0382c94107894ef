import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from benchmarks import amqp
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed
from common.ids import new_id, new_ids
from feed.handlers import WORKER
from messaging.broker import EXCHANGE, broker
from messaging.events import UserFollowed, encode

EVENTS = 6_000
# Only one queue is bound to this event, which keeps the broker's share small.
ROUTING_KEY = UserFollowed.routing_key
_DEADLINE_SECONDS = 60.0


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    with testbed.relay() as relay, testbed.sql() as cursor:

        def ours() -> float:
            broker().purge(WORKER.queue)
            ids = new_ids(EVENTS)
            with relay.paused():
                cursor.execute("DELETE FROM messaging_outboxevent")
                cursor.execute(
                    "INSERT INTO messaging_outboxevent (id, routing_key, body, created_at)"
                    " SELECT id, %s, %s, now() FROM unnest(%s) AS id",
                    [ROUTING_KEY, _body(), ids],
                )
                cursor.execute("ANALYZE messaging_outboxevent")
                cursor.execute("NOTIFY outbox")
                begun = time.perf_counter()
            _wait_until_published(cursor, ids[-1])
            seconds = time.perf_counter() - begun
            _check_queue({str(id) for id in ids})
            return EVENTS / seconds

        def limit() -> float:
            broker().purge(WORKER.queue)
            ids = [str(id) for id in new_ids(EVENTS)]
            body = _body().encode()
            messages = [(amqp.properties(id, ROUTING_KEY), body) for id in ids]
            rate = amqp.publish(EXCHANGE, ROUTING_KEY, messages)
            _check_queue(set(ids))
            return rate

        def check() -> None:
            cursor.execute("SELECT count(*) FROM messaging_outboxevent WHERE published_at IS NULL")
            if cursor.fetchone() != (0,):
                raise CheckFailed("events are left in the outbox")
            broker().purge(WORKER.queue)

        yield Comparison(ours=ours, limit=limit, check=check, pid=relay.pid)


def _body() -> str:
    return encode(UserFollowed(follower_id=new_id(), following_id=new_id(), at=timezone.now()))


def _wait_until_published(cursor: Any, last_id: int) -> None:
    """The relay publishes in order of id."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        cursor.execute("SELECT published_at FROM messaging_outboxevent WHERE id = %s", [last_id])
        if cursor.fetchone() != (None,):
            return
        if time.monotonic() > deadline:
            raise CheckFailed(f"the relay did not finish within {_DEADLINE_SECONDS:.0f} s")
        time.sleep(0.005)


def _check_queue(expected: set[str]) -> None:
    _, seen = amqp.consume(WORKER.queue, EVENTS)
    if seen != expected or broker().depth(WORKER.queue):
        raise CheckFailed("the queue does not hold each event once")


ROW = Row(
    name="relay",
    quantity="outbox relay",
    limit="pika, batches of 500 confirmed together",
    unit="events/s",
    sense=Sense.SHARE,
    gate=0.50,
    goal=0.75,
    prepare=prepare,
)
