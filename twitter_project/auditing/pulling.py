"""Authors who are pushed again after they were pulled: whether somebody still sees to it."""

from collections.abc import Collection, Iterator, Sequence

from feed import pulling
from feed.fanout.apply import end_pulling
from messaging.events import PullEnded
from twitter_project.auditing.findings import Check, Finding, Looked
from twitter_project.auditing.slices import published_lately


def find() -> Iterator[Looked]:
    author_ids = {author_id for author_id, _ in pulling.endings()}
    yield Looked(len(author_ids), _look(author_ids))


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    return _look({finding.id for finding in findings})


def mend(findings: Sequence[Finding]) -> None:
    """From the first follower on: what was done before changes nothing."""
    for finding in findings:
        end_pulling(finding.id)


def _look(author_ids: Collection[int]) -> list[Finding]:
    under_way = {event.number for event in published_lately(PullEnded, service="feed")}
    return [
        Finding(f"author {author_id}", "waits to be pushed again, and nobody was told", author_id)
        for author_id, number in pulling.endings()
        if author_id in author_ids and number not in under_way
    ]


CHECK = Check(
    name="pulling",
    unit="authors",
    count=lambda: None,
    find=find,
    look_again=look_again,
    mend=mend,
)
