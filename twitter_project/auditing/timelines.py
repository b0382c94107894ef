"""Timelines in Redis against the entries of those whom their owners follow."""

from collections.abc import Iterable, Iterator, Sequence

from feed import store, truth
from twitter_project.auditing.findings import Check, Finding, Looked


def find() -> Iterator[Looked]:
    for user_id in store.iter_materialised():
        yield Looked(1, _compare(user_id))


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    return [again for user_id in _owners(findings) for again in _compare(user_id)]


def mend(findings: Sequence[Finding]) -> None:
    for user_id in _owners(findings):
        store.forget(user_id)
        truth.build(user_id)


def _compare(user_id: int) -> list[Finding]:
    difference = truth.compare(user_id)
    subject = store.key(user_id)
    return [
        *(Finding(subject, "lacks", user_id, entry) for entry in difference.missing),
        *(Finding(subject, "has too much:", user_id, entry) for entry in difference.surplus),
        *(Finding(subject, "has out of order:", user_id, entry) for entry in difference.misplaced),
    ]


def _owners(findings: Iterable[Finding]) -> list[int]:
    return sorted({finding.id for finding in findings})


CHECK = Check(
    name="timelines",
    unit="timelines",
    count=lambda: None,
    find=find,
    look_again=look_again,
    mend=mend,
)
