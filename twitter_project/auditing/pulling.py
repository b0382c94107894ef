"""Authors who change from pulled to pushed, while a `PullEnded` event must be in progress.

Each event handles a slice of the followers and publishes the next. If one is lost, readers merge
the author's own list for ever.
"""

from collections.abc import Collection, Iterator, Sequence

from feed import pulling
from feed.fanout.apply import end_pulling
from messaging.events import PullEnded
from twitter_project.auditing.checks import Check, Checked, Finding
from twitter_project.auditing.slices import recently_published


def find() -> Iterator[Checked]:
    author_ids = {author_id for author_id, _ in pulling.endings()}
    yield Checked(len(author_ids), _findings(author_ids))


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    return _findings({finding.id for finding in findings})


def repair(findings: Sequence[Finding]) -> None:
    """Starts again at the first follower; inserting an entry twice changes nothing."""
    for finding in findings:
        end_pulling(finding.id)


def _findings(author_ids: Collection[int]) -> list[Finding]:
    in_progress = {event.number for event in recently_published(PullEnded, service="feed")}
    return [
        Finding(
            f"author {author_id}",
            "changes from pulled to pushed, but no event is in progress",
            author_id,
        )
        for author_id, number in pulling.endings()
        if author_id in author_ids and number not in in_progress
    ]


CHECK = Check(
    name="pulling",
    unit="authors",
    count=lambda: None,
    find=find,
    recheck=recheck,
    repair=repair,
)
