"""The parts of a check: `Check`, `Finding`, `Checked`."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from messaging.worker import workers


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One difference. The same difference, found twice, gives equal findings."""

    subject: str  # "feed:123", "tweet 123"
    problem: str  # "lacks", "num_likes"
    id: int = 0  # the subject's: of the timeline's owner, the tweet, the event
    item: int = 0  # the entry or field, where a subject can have several findings
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        words = [self.subject, self.problem, str(self.item) if self.item else "", self.detail]
        return " ".join(filter(None, words))


@dataclass(frozen=True, slots=True)
class Checked:
    """One page of a check: the number of units it covers, and what it found."""

    count: int
    findings: Sequence[Finding]


def every_worker(_: Finding) -> Collection[str]:
    return workers()


@dataclass(frozen=True, kw_only=True)
class Check:
    """Compares one part of the system with the databases.

    `find` reads everything, page by page, without locks. While users write, some of its findings
    are only events in progress. The runner therefore waits for the workers that `waits_for` names,
    then calls `recheck` until the finding is gone or its time is up. `repair` receives the findings
    that remain.
    """

    name: str
    unit: str
    count: Callable[[], int | None]  # of all units; None if unknown
    find: Callable[[], Iterator[Checked]]
    recheck: Callable[[Sequence[Finding]], Sequence[Finding]]  # which of the findings remain
    repair: Callable[[Sequence[Finding]], None]
    # The workers whose pending events can cause such a finding, by their names in WORKERS.
    waits_for: Callable[[Finding], Collection[str]] = every_worker
