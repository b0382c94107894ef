"""Cached fragments, compared with what the databases would give."""

from collections.abc import Iterable, Iterator, Sequence

from common.redis import shards
from hydration import audit
from twitter_project.auditing.checks import Check, Checked, Finding


def find() -> Iterator[Checked]:
    for shard in shards.names():
        for names in audit.iter_cached(shard):
            yield Checked(len(names), _findings(audit.find_stale(shard, names)))


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    names = sorted({finding.subject for finding in findings})
    return [
        again for shard in shards.names() for again in _findings(audit.find_stale(shard, names))
    ]


def repair(findings: Sequence[Finding]) -> None:
    for shard in shards.names():
        audit.drop_stale(shard, [(finding.subject, finding.item) for finding in findings])


def _findings(stale: Iterable[tuple[str, int]]) -> list[Finding]:
    return [Finding(name, "is stale", item=field) for name, field in stale]


CHECK = Check(
    name="cache",
    unit="fragments",
    count=lambda: None,
    find=find,
    recheck=recheck,
    repair=repair,
)
