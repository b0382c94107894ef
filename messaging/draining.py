"""Waits until the workers have handled the published events."""

import time
from collections.abc import Sequence

from django.utils import timezone

from common.db import aliases
from common.ids import first_id_at
from messaging.broker import broker
from messaging.models import OutboxEvent, RefusedMessage

_POLL_SECONDS = 0.1
# The time for the batches in progress, which are not in their queues.
HANDLING_SECONDS = 0.5
# A handler may publish further events: a large author's fan-out publishes its next slice.
_ROUNDS = 2


def wait_until_drained(queues: Sequence[str], seconds: float) -> bool:
    """Waits until the events published so far have left the outbox and the queues.

    Each queue needs to be empty only once, because others may continue to publish. Returns False
    after `seconds`.
    """
    deadline = time.monotonic() + seconds
    return all(_wait_one_round(queues, deadline) for _ in range(_ROUNDS))


def _wait_one_round(queues: Sequence[str], deadline: float) -> bool:
    newest = first_id_at(timezone.now())
    waiting = list(queues)
    while _is_pending(newest) or (waiting := [queue for queue in waiting if _has_messages(queue)]):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    time.sleep(HANDLING_SECONDS)
    return True


def _has_messages(queue: str) -> bool:
    return broker().depth(queue) > 0 or any(
        RefusedMessage.objects.using(using).filter(queue=queue).exists() for using in aliases()
    )


def _is_pending(newest: int) -> bool:
    return any(
        OutboxEvent.objects.using(using).pending().filter(id__lte=newest).exists()
        for using in aliases()
    )
