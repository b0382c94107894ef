"""The search index, compared with the tweets and their authors."""

from collections.abc import Iterator, Mapping, Sequence

from search import audit
from search.rebuild import rebuild
from tweets.models import Tweet
from twitter_project.auditing.checks import Check, Checked, Finding


def count() -> int:
    """Each tweet once and each document once, of which there should be as many."""
    return 2 * Tweet.objects.tweets().count()


def find() -> Iterator[Checked]:
    for count, differences in audit.find():
        yield Checked(count, _findings(differences))


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    return _findings(audit.recheck([finding.id for finding in findings]))


def repair(findings: Sequence[Finding]) -> None:
    """Rebuilds the whole index if it has wrong tombstones: no version is above a tombstone's."""
    audit.rewrite([f.id for f in findings if f.problem != audit.TOMBSTONED])
    if any(finding.problem == audit.TOMBSTONED for finding in findings):
        rebuild()


def _findings(differences: Mapping[int, str]) -> list[Finding]:
    return [Finding(f"document {id}", problem, id) for id, problem in differences.items()]


CHECK = Check(
    name="search", unit="documents", count=count, find=find, recheck=recheck, repair=repair
)
