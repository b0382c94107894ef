"""Whether news that were told have been heard."""

import time
from collections.abc import Sequence

from django.utils import timezone

from common.db import aliases
from common.ids import first_id_at
from messaging.broker import broker
from messaging.models import OutboxEvent, RefusedMessage

_POLL_SECONDS = 0.1
# What a worker has in hand is no longer in its queue.
_IN_HAND_SECONDS = 0.5
# A handler may have more to tell: the fan-out of a large author goes on by further events.
_ROUNDS = 2


def wait_until_drained(queues: Sequence[str], seconds: float) -> bool:
    """Waits until the news told so far have left the outbox and the queues.

    Others may go on telling: each queue need be empty only once. Returns False where that takes
    longer than `seconds`.
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
    time.sleep(_IN_HAND_SECONDS)
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
