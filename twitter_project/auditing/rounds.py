"""Every check in turn, and each suspicion looked at until it is gone or certain.

Everybody goes on writing meanwhile. What differs at the first look may be on its way: so the news
told by then are waited for, and what still differs is looked at again with growing pauses. Damage
is what differed each time, in the same way.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from messaging.draining import wait_until_drained
from messaging.worker import workers
from twitter_project.auditing import (
    cache,
    counters,
    dead_letters,
    deletions,
    index,
    outbox,
    pulling,
    timelines,
)
from twitter_project.auditing.findings import Check, Finding

# The outbox first: what was never told explains the rest, and once told it mends the rest.
CHECKS: tuple[Check, ...] = (
    outbox.CHECK,
    dead_letters.CHECK,
    deletions.CHECK,
    counters.CHECK,
    timelines.CHECK,
    pulling.CHECK,
    index.CHECK,
    cache.CHECK,
)

# Suspicions held in memory before they are settled.
_MOST_SUSPECTS = 5000
_FIRST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What became of some suspicions."""

    found: Sequence[Finding]
    are_certain: bool = True  # False while older news are on their way
    left: Sequence[Finding] = ()  # of those found, what mending has not helped


def run(
    check: Check, *, seconds: float, mend: bool, advance: Callable[[int], object]
) -> Iterator[Settled]:
    """Goes through one check. Keeps at most some thousand findings, however much is broken."""
    suspects: list[Finding] = []
    for looked in check.find():
        suspects += looked.findings
        advance(looked.count)
        if len(suspects) >= _MOST_SUSPECTS:
            yield _settle(check, suspects, seconds, mend)
            suspects = []
    if suspects:
        yield _settle(check, suspects, seconds, mend)


def _settle(check: Check, suspects: Sequence[Finding], seconds: float, mend: bool) -> Settled:
    queues = [worker.queue for worker in workers().values()]
    are_certain = not check.follows_news or wait_until_drained(queues, seconds)
    found = _look_until_certain(check, suspects, seconds)
    if not (found and mend and are_certain):
        return Settled(found=found, are_certain=are_certain, left=found)
    check.mend(found)
    return Settled(found=found, left=check.look_again(found))


def _look_until_certain(
    check: Check, suspects: Sequence[Finding], seconds: float
) -> Sequence[Finding]:
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    known = set(suspects)
    while True:
        standing = [finding for finding in check.look_again(list(known)) if finding in known]
        left = deadline - time.monotonic()
        if not standing or left <= 0:
            return sorted(standing)
        known = set(standing)
        time.sleep(min(pause, left))
        pause *= 2
