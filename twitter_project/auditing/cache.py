"""Ready-made fragments of pages against what they would be made of now."""

from collections.abc import Iterator, Sequence

from common.redis import shards
from hydration import audit
from twitter_project.auditing.findings import Check, Finding, Looked


def find() -> Iterator[Looked]:
    for shard in shards.names():
        for names in audit.iter_cached(shard):
            yield Looked(len(names), _show(audit.find_stale(shard, names)))


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    names = sorted({finding.subject for finding in findings})
    return [again for shard in shards.names() for again in _show(audit.find_stale(shard, names))]


def mend(findings: Sequence[Finding]) -> None:
    for shard in shards.names():
        audit.drop_stale(shard, [(finding.subject, finding.about) for finding in findings])


def _show(stale: Sequence[tuple[str, int]]) -> list[Finding]:
    return [Finding(name, "is stale", about=field) for name, field in stale]


CHECK = Check(
    name="cache",
    unit="fragments",
    count=lambda: None,
    find=find,
    look_again=look_again,
    mend=mend,
)
