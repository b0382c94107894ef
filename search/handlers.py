"""Writes events to the index.

Events may be handled twice, late and in any order: every entry has a version, and the index keeps
the highest.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.utils import timezone

from common.db import atomic
from common.errors import Unavailable
from common.observability.metrics import INDEX_LAG
from grpc_services.clients import accounts
from messaging.events import (
    AuthorSliced,
    TweetCreated,
    TweetDeleted,
    UserDeleted,
    UserRestored,
    UserSuspended,
)
from messaging.outbox import publish
from messaging.worker import Handler, Worker
from search.index import Document, Tombstone, index

# Messages, and therefore documents in one bulk request.
BATCH = 500
# An author's tweets that one message hides or shows. An `AuthorSliced` event continues.
SLICE = 5_000

log = logging.getLogger(__name__)


def add(events: Sequence[TweetCreated]) -> None:
    documents = [
        Document(
            id=event.id,
            user_id=event.user_id,
            content=event.content,
            created_at=event.created_at,
        )
        for event in events
    ]
    index().write(documents)
    _hide_unseen(documents)
    now = time.time()
    for event in events:
        INDEX_LAG.observe(max(now - event.created_at.timestamp(), 0.0))


def write_tombstones(events: Sequence[TweetDeleted]) -> None:
    index().write(Tombstone(id=event.id, deleted_at=event.deleted_at) for event in events)


def show_or_hide(events: Sequence[UserSuspended | UserRestored | UserDeleted]) -> None:
    """Shows or hides the authors' tweets, by the authors' present state in accounts.

    The version is the time of accounts' answer by the clock of its database. The newest answer
    therefore wins, whatever the workers' clocks say.
    """
    _update(dict.fromkeys(event.id for event in events))


def show_or_hide_slice(events: Sequence[AuthorSliced]) -> None:
    """As `show_or_hide`, for the author's next slice of tweets."""
    for event in events:
        _update({event.user_id: event.after_id})


def _update(after_ids: Mapping[int, int | None]) -> None:
    """Writes a slice of each author's tweets: after the given id, or the first slice."""
    hidden = accounts.find_hidden(after_ids)
    for user_id, after_id in after_ids.items():
        page = index().find_by_author(user_id, after_id=after_id, limit=SLICE)
        index().write(
            replace(document, hidden=user_id in hidden.user_ids, version=hidden.as_of_us)
            for document in page.items
        )
        if page.next is not None:
            # Published after the write, so that a retry of the write doesn't publish it again.
            event = AuthorSliced(user_id=user_id, after_id=page.next, at=timezone.now())
            with atomic("search"):
                publish(event, service="search")


def _hide_unseen(documents: Sequence[Document]) -> None:
    """Hides new tweets of authors who are suspended already.

    Asks accounts after the tweets are in the index. Either this answer includes the suspension, or
    `show_or_hide` finds the tweets. If accounts is down, the tweets stay unhidden: searches leave
    them out of their pages, and `audit --repair` hides them.
    """
    try:
        hidden = accounts.find_hidden({document.user_id for document in documents})
    except Unavailable as error:
        log.warning("the authors of %d new tweets stay unchecked: %s", len(documents), error)
        return
    index().write(
        replace(document, hidden=True, version=hidden.as_of_us)
        for document in documents
        if document.user_id in hidden.user_ids
    )


HANDLERS: dict[str, Handler] = {
    "tweet.created": add,
    "tweet.deleted": write_tombstones,
    "user.suspended": show_or_hide,
    "user.restored": show_or_hide,
    "user.deleted": show_or_hide,  # tweets also publishes a tweet.deleted for each tweet
}

WORKER = Worker(queue="search_tweets", handlers=HANDLERS, batch=BATCH)
SLICES = Worker(queue="search_slices", handlers={"search.sliced": show_or_hide_slice}, batch=1)
