"""The outbox: events that were not sent, and rows without their event.

The outbox keeps sent events for two days, so each younger row must have its event there. A deleted
row can't be checked: if its event is lost, timelines, index and counters differ.
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
from twitter_project.auditing.checks import Check, Checked, Finding

PAGE = 1000
# Older rows may have lost their event to pruning.
MAX_AGE = KEPT - timedelta(minutes=10)
# The ids of a row and its event are generated within this time. `recheck` looks further.
_NEAR = timedelta(seconds=10)

_UNSENT = "is not sent"
_UNPUBLISHED = "was not published:"


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A kind of row, and the event that its creation publishes."""

    name: str
    service: str
    event: type[Event]
    rows: Callable[[], QuerySet[Any]]
    row_key: Callable[[Any], Hashable]  # equals the body_key of the row's event
    body_key: Callable[[dict[str, str]], Hashable]
    make_event: Callable[[Any], Event]


_SOURCES = (
    _Source(
        name="tweet",
        service="tweets",
        event=TweetCreated,
        rows=Tweet.objects.tweets,
        row_key=lambda tweet: tweet.id,
        body_key=lambda body: int(body["id"]),
        make_event=lambda tweet: TweetCreated(
            id=tweet.id,
            user_id=tweet.user_id,
            content=tweet.content,
            parent_id=tweet.parent_id,
            created_at=tweet.created_at,
        ),
    ),
    _Source(
        name="repost",
        service="tweets",
        event=TweetReposted,
        # without reposts of deleted tweets, which are about to be deleted, too
        rows=lambda: (
            Tweet.objects.reposts()
            .filter(repost_of__user_id__isnull=False)
            .select_related("repost_of")
        ),
        row_key=lambda repost: repost.id,
        body_key=lambda body: int(body["id"]),
        make_event=lambda repost: TweetReposted(
            id=repost.id,
            tweet_id=repost.repost_of_id,
            user_id=repost.user_id,
            author_id=repost.repost_of.user_id,
            at=repost.created_at,
        ),
    ),
    _Source(
        name="follow",
        service="accounts",
        event=UserFollowed,
        rows=Follow.objects.all,
        row_key=lambda follow: (follow.follower_id, follow.following_id),
        body_key=lambda body: (int(body["follower_id"]), int(body["following_id"])),
        make_event=lambda follow: UserFollowed(
            follower_id=follow.follower_id,
            following_id=follow.following_id,
            at=follow.created_at,
        ),
    ),
)


def count() -> int:
    return sum(source.rows().filter(id__gt=_oldest_id()).count() for source in _SOURCES)


def find() -> Iterator[Checked]:
    for using in aliases():
        for events in _pages(OutboxEvent.objects.using(using).pending):
            yield Checked(0, [_unsent(event) for event in events])
    for source in _SOURCES:
        for rows in _pages(source.rows, after_id=_oldest_id()):
            until = first_id_at(created_at(rows[-1].id) + _NEAR)
            published = set(_iter_published(source, rows[0].id, until))
            missing = [row for row in rows if source.row_key(row) not in published]
            yield Checked(len(rows), [_unpublished(source, row) for row in missing])


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    unsent = [finding.id for finding in findings if finding.problem == _UNSENT]
    again = [
        _unsent(event)
        for using in aliases()
        for event in OutboxEvent.objects.using(using).pending().filter(id__in=unsent)
    ]
    for source in _SOURCES:
        again += [_unpublished(source, row) for row in _find_unpublished(source, findings)]
    return again


def repair(findings: Sequence[Finding]) -> None:
    """Publishes the missing events and sends all. Duplicates are safe: handlers are idempotent."""
    for source in _SOURCES:
        rows = _find_unpublished(source, findings)
        if rows:
            with atomic(source.service):
                publish(*map(source.make_event, rows), service=source.service)
    relay_all(broker())


def _find_unpublished(source: _Source, findings: Sequence[Finding]) -> list[Any]:
    """The rows of the findings that still exist and have no event, however late."""
    ids = [
        finding.id
        for finding in findings
        if finding.problem == _UNPUBLISHED and finding.subject.startswith(f"{source.name} ")
    ]
    if not ids:
        return []
    rows = {source.row_key(row): row for row in source.rows().filter(id__in=ids).order_by("id")}
    newest = OutboxEvent.objects.using(alias(source.service)).aggregate(Max("id"))["id__max"] or 0
    for key in _iter_published(source, min(ids), newest):
        rows.pop(key, None)
    return list(rows.values())


def _iter_published(source: _Source, row_id: int, until: int) -> Iterator[Hashable]:
    """The body keys of the events from shortly before the row to the event `until`."""
    # The clocks of several machines may differ a little.
    since = first_id_at(created_at(row_id) - _NEAR)
    events = OutboxEvent.objects.using(alias(source.service)).filter(
        routing_key=source.event.routing_key, id__range=(since, until)
    )
    for page in _pages(lambda: events.only("id", "body")):
        for event in page:
            yield source.body_key(orjson.loads(event.body))


def _pages(rows: Callable[[], QuerySet[Any]], after_id: int = 0) -> Iterator[list[Any]]:
    while page := list(rows().filter(id__gt=after_id).order_by("id")[:PAGE]):
        yield page
        after_id = page[-1].id


def _oldest_id() -> int:
    return first_id_at(timezone.now() - MAX_AGE)


def _unsent(event: OutboxEvent) -> Finding:
    detail = f"since {event.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return Finding(f"{event.routing_key} {event.id}", _UNSENT, event.id, detail=detail)


def _unpublished(source: _Source, row: Any) -> Finding:
    detail = f"no {source.event.routing_key} in the outbox"
    return Finding(f"{source.name} {row.id}", _UNPUBLISHED, row.id, detail=detail)


CHECK = Check(
    name="outbox",
    unit="rows",
    count=count,
    find=find,
    recheck=recheck,
    repair=repair,
    waits_for=lambda _: [],
)
