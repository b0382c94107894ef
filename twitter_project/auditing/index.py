"""The search index against the tweets and their authors."""

from collections.abc import Iterator, Sequence

from search import audit
from search.rebuild import rebuild
from tweets.models import Tweet
from twitter_project.auditing.findings import Check, Finding, Looked


def count() -> int:
    """Once for each tweet and once for each document, of which there should be as many."""
    return 2 * Tweet.objects.tweets().count()


def find() -> Iterator[Looked]:
    for looked, wrong in audit.look():
        yield Looked(looked, _show(wrong))


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    return _show(audit.look_at([finding.id for finding in findings]))


def mend(findings: Sequence[Finding]) -> None:
    audit.write_anew([f.id for f in findings if f.kind != audit.BURIED])
    if any(finding.kind == audit.BURIED for finding in findings):
        rebuild()  # nothing else takes a tombstone's place


def _show(wrong: dict[int, str]) -> list[Finding]:
    return [Finding(f"document {id}", kind, id) for id, kind in wrong.items()]


CHECK = Check(
    name="search", unit="documents", count=count, find=find, look_again=look_again, mend=mend
)
