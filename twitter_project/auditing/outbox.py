"""The outbox: what was told and not sent, and rows of which nobody was told.

Published events are kept for two days, so rows younger than that must have theirs. Rows that are
gone can't be asked: a deletion that was never told shows in timelines, index and counters.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.db.models import Max, QuerySet
from django.utils import timezone

from accounts.models import Follow
from common.db import alias, aliases, atomic
from common.ids import created_at, first_id_at
from messaging.broker import broker
from messaging.events import Event, TweetCreated, TweetReposted, UserFollowed
from messaging.models import OutboxEvent
from messaging.outbox import KEPT, publish
from messaging.relay import relay_all
from tweets.models import Tweet
from twitter_project.auditing.findings import Check, Finding, Looked

PAGE = 1000
# Rows older than this may have outlived their event.
_LOOKED_BACK = KEPT - timedelta(minutes=10)
# An event's id is drawn moments after the row's. The second look searches further.
_NEAR = timedelta(seconds=10)

_UNSENT = "waits to be sent"
_UNTOLD = "was never told"


@dataclass(frozen=True, kw_only=True)
class _Told:
    """Rows of one kind, and the event that tells of each."""

    name: str
    service: str
    event: type[Event]
    rows: Callable[[], QuerySet[Any]]
    of_row: Callable[[Any], Hashable]  # what row and event have in common
    of_body: Callable[[dict[str, str]], Hashable]
    tell: Callable[[Any], Event]


_KINDS = (
    _Told(
        name="tweet",
        service="tweets",
        event=TweetCreated,
        rows=Tweet.objects.tweets,
        of_row=lambda tweet: tweet.id,
        of_body=lambda body: int(body["id"]),
        tell=lambda tweet: TweetCreated(
            id=tweet.id,
            user_id=tweet.user_id,
            content=tweet.content,
            parent_id=tweet.parent_id,
            created_at=tweet.created_at,
        ),
    ),
    _Told(
        name="repost",
        service="tweets",
        event=TweetReposted,
        # of tweets that exist: the others are about to go
        rows=lambda: (
            Tweet.objects.reposts()
            .filter(repost_of__user_id__isnull=False)
            .select_related("repost_of")
        ),
        of_row=lambda repost: repost.id,
        of_body=lambda body: int(body["id"]),
        tell=lambda repost: TweetReposted(
            id=repost.id,
            tweet_id=repost.repost_of_id,
            user_id=repost.user_id,
            author_id=repost.repost_of.user_id,
            at=repost.created_at,
        ),
    ),
    _Told(
        name="follow",
        service="accounts",
        event=UserFollowed,
        rows=Follow.objects.all,
        of_row=lambda follow: (follow.follower_id, follow.following_id),
        of_body=lambda body: (int(body["follower_id"]), int(body["following_id"])),
        tell=lambda follow: UserFollowed(
            follower_id=follow.follower_id,
            following_id=follow.following_id,
            at=follow.created_at,
        ),
    ),
)


def count() -> int:
    return sum(kind.rows().filter(id__gt=_oldest()).count() for kind in _KINDS)


def find() -> Iterator[Looked]:
    for using in aliases():
        for events in _pages(OutboxEvent.objects.using(using).pending):
            yield Looked(0, [_unsent(event) for event in events])
    for kind in _KINDS:
        for rows in _pages(kind.rows, after_id=_oldest()):
            until = first_id_at(created_at(rows[-1].id) + _NEAR)
            told = set(_iter_told(kind, rows[0].id, until))
            yield Looked(
                len(rows), [_untold(kind, row) for row in rows if kind.of_row(row) not in told]
            )


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    unsent = [finding.id for finding in findings if finding.kind == _UNSENT]
    again = [
        _unsent(event)
        for using in aliases()
        for event in OutboxEvent.objects.using(using).pending().filter(id__in=unsent)
    ]
    for kind in _KINDS:
        again += [_untold(kind, row) for row in _find_untold(kind, findings)]
    return again


def mend(findings: Sequence[Finding]) -> None:
    """Tells again. Handlers make twice equal to once, in case somebody was told after all."""
    for kind in _KINDS:
        untold = _find_untold(kind, findings)
        if untold:
            with atomic(kind.service):
                publish(*map(kind.tell, untold), service=kind.service)
    relay_all(broker())


def _find_untold(kind: _Told, findings: Sequence[Finding]) -> list[Any]:
    """Those of the rows named that still exist, and have no event however long after them."""
    ids = [f.id for f in findings if f.kind == _UNTOLD and f.subject.startswith(f"{kind.name} ")]
    if not ids:
        return []
    rows = {kind.of_row(row): row for row in kind.rows().filter(id__in=ids).order_by("id")}
    newest = OutboxEvent.objects.using(alias(kind.service)).aggregate(Max("id"))["id__max"] or 0
    for told in _iter_told(kind, min(ids), newest):
        rows.pop(told, None)
    return list(rows.values())


def _iter_told(kind: _Told, since: int, until: int) -> Iterator[Hashable]:
    """What events between the two ids tell of; `since` is the id of the first of their rows."""
    # clocks of several machines may differ a little
    since = first_id_at(created_at(since) - _NEAR)
    events = OutboxEvent.objects.using(alias(kind.service)).filter(
        routing_key=kind.event.routing_key, id__range=(since, until)
    )
    for page in _pages(lambda: events.only("id", "body")):
        for event in page:
            yield kind.of_body(orjson.loads(event.body))


def _pages(rows: Callable[[], QuerySet[Any]], after_id: int = 0) -> Iterator[list[Any]]:
    while page := list(rows().filter(id__gt=after_id).order_by("id")[:PAGE]):
        yield page
        after_id = page[-1].id


def _oldest() -> int:
    return first_id_at(timezone.now() - _LOOKED_BACK)


def _unsent(event: OutboxEvent) -> Finding:
    told = f"since {event.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return Finding(f"{event.routing_key} {event.id}", _UNSENT, event.id, told=told)


def _untold(kind: _Told, row: Any) -> Finding:
    told = f"no {kind.event.routing_key} in the outbox"
    return Finding(f"{kind.name} {row.id}", _UNTOLD, row.id, told=told)


CHECK = Check(
    name="outbox",
    unit="rows",
    count=count,
    find=find,
    look_again=look_again,
    mend=mend,
    follows_news=False,
)
