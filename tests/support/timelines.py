"""Users who act over HTTP, and delivery of events to the feed workers."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Follow, User
from common.db import aliases
from common.http.authentication import Viewer
from common.ids import MAX_ID
from feed.handlers import SLICES, WORKER
from messaging.models import OutboxEvent
from messaging.worker import Delivery
from tweets.models import Tweet

WORKER_OF = {key: worker for worker in (WORKER, SLICES) for key in worker.handlers}


class Person:
    """A signed-in user."""

    def __init__(self, user: User) -> None:
        self.id = user.id
        self.username = user.username
        self.client = APIClient()
        self.client.force_authenticate(Viewer(id=user.id, username=user.username))  # type: ignore[arg-type]

    def post(self, content: str = "hello") -> int:
        return int(self._ok(self.client.post("/tweet", {"content": content}))["tweet"]["id"])

    def reply(self, tweet_id: int, content: str = "so it is") -> int:
        answer = self.client.post(f"/tweet/{tweet_id}/reply", {"content": content})
        return int(self._ok(answer)["tweet"]["id"])

    def delete(self, tweet_id: int) -> None:
        self._ok(self.client.delete(f"/tweet/{tweet_id}"))

    def repost(self, tweet_id: int) -> None:
        self._ok(self.client.post(f"/tweet/{tweet_id}/repost"))

    def undo_repost(self, tweet_id: int) -> None:
        self._ok(self.client.delete(f"/tweet/{tweet_id}/repost"))

    def like(self, tweet_id: int) -> None:
        self._ok(self.client.post(f"/tweet/{tweet_id}/like"))

    def follow(self, other: "Person") -> None:
        self._ok(self.client.post("/follow", {"following_id": str(other.id)}))

    def unfollow(self, other: "Person") -> None:
        self._ok(self.client.delete(f"/follow/{other.id}"))

    def feed(self, **query: Any) -> dict[str, Any]:
        page: dict[str, Any] = self._ok(self.client.get("/feed", query))
        return page

    def feed_ids(self, **query: Any) -> list[int]:
        """The tweets of one page."""
        return [int(tweet["id"]) for tweet in self.feed(**query)["tweets"]]

    def feed_entries(self, limit: int = 3) -> list[int]:
        """The entries of the whole feed, by cursor to the end."""
        entries: list[int] = []
        page = self.feed(limit=limit, cursor=str(MAX_ID))
        while True:
            entries += [int(tweet.get("entry_id", tweet["id"])) for tweet in page["tweets"]]
            if page["next"] is None:
                return entries
            page = self.feed(limit=limit, cursor=page["next"])

    def _ok(self, response: Any) -> Any:
        assert response.status_code in (200, 204), response.content
        return response.json() if response.content else None


def pending() -> list[Delivery]:
    """The unpublished events, oldest first. Marks them as published."""
    rows: list[OutboxEvent] = []
    for using in aliases():
        waiting = OutboxEvent.objects.using(using).pending()
        rows += waiting
        waiting.order_by().update(published_at=timezone.now())
    rows.sort(key=lambda row: row.id)
    return [
        Delivery(
            tag=row.id,
            message_id=str(row.id),
            routing_key=row.routing_key,
            body=row.body.encode(),
        )
        for row in rows
        if row.routing_key in WORKER_OF
    ]


def deliver(deliveries: Sequence[Delivery]) -> None:
    """Delivers messages to the handlers of the feed workers."""
    for worker, batch in groupby(deliveries, key=lambda delivery: WORKER_OF[delivery.routing_key]):
        assert worker.process(list(batch)) == set()


def deliver_all() -> None:
    deliver(pending())


def expected_entries(user_id: int) -> list[int]:
    """The entries of a user's feed according to the tables, newest first."""
    authors = {user_id, *_following(user_id)}
    entries = Tweet.objects.filter(user_id__in=authors).order_by("-id")
    return list(entries.values_list("id", flat=True))


def _following(user_id: int) -> list[int]:
    follows = Follow.objects.filter(follower_id=user_id, following__suspended_at=None)
    return list(follows.values_list("following_id", flat=True))
