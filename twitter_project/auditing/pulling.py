"""Authors who are pushed again after they were pulled: whether somebody still sees to it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

import orjson
from django.utils import timezone

from common.db import alias
from common.ids import first_id_at
from feed import pulling
from feed.fanout import end_pulling
from messaging.events import PullEnded
from messaging.models import OutboxEvent
from twitter_project.auditing.findings import Check, Finding, Looked

# Longer than a slice of followers takes, the last thing of which is to tell of the next.
_A_SLICE = timedelta(minutes=5)


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
    told = _told_lately()
    return [
        Finding(f"author {author_id}", "waits to be pushed again, and nobody was told", author_id)
        for author_id, number in pulling.endings()
        if author_id in author_ids and number not in told
    ]


def _told_lately() -> set[int]:
    """The numbers of the endings of which a slice was told."""
    events = OutboxEvent.objects.using(alias("feed")).filter(
        routing_key=PullEnded.routing_key, id__gt=first_id_at(timezone.now() - _A_SLICE)
    )
    return {int(orjson.loads(body)["number"]) for body in events.values_list("body", flat=True)}


CHECK = Check(
    name="pulling",
    unit="authors",
    count=lambda: None,
    find=find,
    look_again=look_again,
    mend=mend,
)
