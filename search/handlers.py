"""The news, brought into the index. Handling it twice, late or in another order changes nothing:
whatever is written carries a version, and the highest one stays.
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

# Messages, and so documents in one bulk request.
BATCH = 500
# An author's tweets that one message hides or shows; messages of their own continue with the rest.
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
    """Shows the authors' tweets if the authors can be seen now, and hides them otherwise.

    The version is the time of accounts' answer by accounts' database. Of two workers that ask, the
    newer answer stays, whatever their own clocks say.
    """
    _update(dict.fromkeys(event.id for event in events))


def show_or_hide_slice(events: Sequence[AuthorSliced]) -> None:
    """As `show_or_hide`, for the next slice of an author's tweets."""
    for event in events:
        _update({event.user_id: event.after_id})


def _update(after_ids: Mapping[int, int | None]) -> None:
    """A slice of each author's tweets: those after the id, or the first ones."""
    hidden = accounts.find_hidden(after_ids)
    for user_id, after_id in after_ids.items():
        page = index().find_by_author(user_id, after_id=after_id, limit=SLICE)
        index().write(
            replace(document, hidden=user_id in hidden.user_ids, version=hidden.as_of_us)
            for document in page.items
        )
        if page.next is not None:
            # after the work, so that retries during an outage don't publish it twice
            event = AuthorSliced(user_id=user_id, after_id=page.next, at=timezone.now())
            with atomic("search"):
                publish(event, service="search")


def _hide_unseen(documents: Sequence[Document]) -> None:
    """Hides new tweets whose authors were suspended before: `show_or_hide` did not find them.

    It asks accounts after the tweets are in the index. So either this answer knows the suspension,
    or `show_or_hide` finds the tweets. New tweets do not wait for accounts during an outage: pages
    leave out those of suspended authors, and `audit --repair` hides them.
    """
    try:
        hidden = accounts.find_hidden({document.user_id for document in documents})
    except Unavailable as error:
        log.warning("authors of %d new tweets are not looked up: %s", len(documents), error)
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
    "user.deleted": show_or_hide,  # tweets deletes them one by one meanwhile
}

WORKER = Worker(queue="search_tweets", handlers=HANDLERS, batch=BATCH)
SLICES = Worker(queue="search_slices", handlers={"search.sliced": show_or_hide_slice}, batch=1)
