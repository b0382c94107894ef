"""Counters against the rows they count, as `reconcile_counters` does."""

from collections.abc import Iterator, Sequence
from math import ceil

from accounts.models import User
from common.drift import Drift
from tweets.models import Tweet
from twitter_project import reconciliation
from twitter_project.auditing.findings import Check, Finding, Looked
from twitter_project.reconciliation import PAGE


def count() -> int:
    """Users once for follows and once for tweets."""
    users: int = User.objects.count()
    tweets: int = Tweet.objects.tweets().count()
    return 2 * ceil(users / PAGE) + ceil(tweets / PAGE)


def find() -> Iterator[Looked]:
    for _, drift in reconciliation.iter_drift():
        yield Looked(1, list(map(_show, drift)))


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    return list(map(_show, reconciliation.look_again(_drift(findings))))


def mend(findings: Sequence[Finding]) -> None:
    """By what is counted now: another writer may have been here since."""
    reconciliation.repair(reconciliation.look_again(_drift(findings)))


def _show(drift: Drift) -> Finding:
    told = f"is {drift.stored}, counted {drift.counted}"
    return Finding(f"{drift.owner} {drift.id}", drift.counter, drift.id, told=told)


def _drift(findings: Sequence[Finding]) -> list[Drift]:
    """Without the numbers, which are looked up again."""
    return [Drift(f.subject.partition(" ")[0], f.id, f.kind, 0, 0) for f in findings]


CHECK = Check(
    name="counters", unit="pages", count=count, find=find, look_again=look_again, mend=mend
)
