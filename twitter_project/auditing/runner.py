"""Runs the checks and separates real differences from pending events."""

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
from twitter_project.auditing.checks import Check, Finding

# The outbox comes first: a lost event causes other differences, and publishing it repairs them.
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

# Findings held in memory before they are rechecked.
_MAX_SUSPECTS = 5000
_FIRST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Result:
    """Rechecked findings."""

    damage: Sequence[Finding]
    remaining: Sequence[Finding]  # the damage that was not repaired
    uncertain: Sequence[Finding]  # differences that pending events may explain


def run(
    check: Check, *, seconds: float, repair: bool, advance: Callable[[int], object]
) -> Iterator[Result]:
    """Runs one check. `advance` receives the number of units after each page.

    `seconds` limits the wait for pending events, and then the rechecks, of each result.
    """
    suspects: list[Finding] = []
    for page in check.find():
        suspects += page.findings
        advance(page.count)
        if len(suspects) >= _MAX_SUSPECTS:
            yield _judge(check, suspects, seconds, repair)
            suspects = []
    if suspects:
        yield _judge(check, suspects, seconds, repair)


def _judge(check: Check, suspects: Sequence[Finding], seconds: float, repair: bool) -> Result:
    names = {name for suspect in suspects for name in check.waits_for(suspect)}
    queues = [worker.queue for name, worker in workers().items() if name in names]
    are_handled = not queues or wait_until_drained(queues, seconds)
    found = _recheck_until_certain(check, suspects, seconds)
    damage = [finding for finding in found if are_handled or not check.waits_for(finding)]
    uncertain = [finding for finding in found if finding not in set(damage)]
    if damage and repair:
        check.repair(damage)
        return Result(damage=damage, remaining=check.recheck(damage), uncertain=uncertain)
    return Result(damage=damage, remaining=damage, uncertain=uncertain)


def _recheck_until_certain(
    check: Check, suspects: Sequence[Finding], seconds: float
) -> list[Finding]:
    """Those that every recheck finds again. The pauses double."""
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    found = set(suspects)
    while True:
        found = {again for again in check.recheck(list(found)) if again in found}
        left = deadline - time.monotonic()
        if not found or left <= 0:
            return sorted(found)
        time.sleep(min(pause, left))
        pause *= 2
