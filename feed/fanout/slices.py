"""Slices: a large author's followers are processed in several messages, on a queue of their own.

So no other author waits behind a million followers, and a crash repeats one slice only.
"""

from collections.abc import Sequence

from django.utils import timezone

from common.db import atomic
from common.http.pagination import Page
from grpc_services.clients import accounts
from messaging.events import Event, FanOutSliced, MergeSliced, PullEnded
from messaging.outbox import publish

SIZE = accounts.MAX_FOLLOWER_IDS  # followers in a slice

# Slices that this process has already published: retries during an outage do not repeat them.
_published: dict[tuple[str, int, int], None] = {}
_REMEMBERED = 10_000


def followers(author_id: int, *, after_id: int | None) -> Page[int]:
    return accounts.get_follower_ids(user_id=author_id, after_id=after_id or 0, limit=SIZE)


def publish_next(action: str, entry_ids: Sequence[int], author_id: int, page: Page[int]) -> None:
    """Publishes the slice after this page of followers, if there is one, for each entry.

    Called before the work on the page, so slices are processed in parallel.
    """
    if page.next is None:
        return
    following = [(action, entry_id, page.next) for entry_id in entry_ids]
    new = [slice for slice in following if slice not in _published]
    if not new:
        return
    _publish(
        *(
            FanOutSliced(
                action=action,
                entry_id=entry_id,
                author_id=author_id,
                after_id=after_id,
                at=timezone.now(),
            )
            for action, entry_id, after_id in new
        )
    )
    _published.update(dict.fromkeys(new))
    while len(_published) > _REMEMBERED:
        _published.pop(next(iter(_published)), None)


def publish_merge(author_id: int, *, after_id: int) -> None:
    _publish(MergeSliced(author_id=author_id, after_id=after_id, at=timezone.now()))


def publish_ending(author_id: int, number: int, *, after_id: int | None) -> None:
    _publish(PullEnded(author_id=author_id, number=number, after_id=after_id, at=timezone.now()))


def _publish(*events: Event) -> None:
    with atomic("feed"):
        publish(*events, service="feed")
