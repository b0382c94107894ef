"""Lists in Redis, compared with the database: timelines, and the lists of pulled authors."""

from collections.abc import Iterable, Iterator, Sequence

from feed import differences, lists, reads, rebuilding, writes
from feed.lists import Kind
from twitter_project.auditing.checks import Check, Checked, Finding


def find() -> Iterator[Checked]:
    for kind in lists.kinds():
        for owner_id in reads.iter_materialised(kind):
            yield Checked(1, _compare(owner_id, kind))


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    return [again for owned in _lists(findings) for again in _compare(*owned)]


def repair(findings: Sequence[Finding]) -> None:
    for owner_id, kind in _lists(findings):
        writes.forget(owner_id, kind)
        rebuilding.build(owner_id, kind)


def _compare(owner_id: int, kind: Kind) -> list[Finding]:
    difference = differences.compare(owner_id, kind)
    subject = lists.key(owner_id, kind)
    return [
        *(Finding(subject, "lacks", owner_id, entry) for entry in difference.missing),
        *(
            Finding(subject, "has a surplus entry:", owner_id, entry)
            for entry in difference.surplus
        ),
        *(
            Finding(subject, "has out of order:", owner_id, entry)
            for entry in difference.out_of_order
        ),
    ]


def _lists(findings: Iterable[Finding]) -> list[tuple[int, Kind]]:
    """The lists of the findings. An author's own lists share one key, so all of them are named."""
    owned = sorted({(finding.subject.partition(":")[0], finding.id) for finding in findings})
    return [(id, kind) for prefix, id in owned for kind in lists.kinds() if kind.prefix == prefix]


CHECK = Check(
    name="timelines",
    unit="timelines",
    count=lambda: None,
    find=find,
    recheck=recheck,
    repair=repair,
)
