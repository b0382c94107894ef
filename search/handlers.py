"""The news, brought into the index. Handling it twice, late or in another order changes nothing:
whatever is written carries a version, and the highest one stays.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from common.errors import Unavailable
from common.metrics import INDEX_LAG
from grpc_services.clients import accounts
from messaging.events import (
    TweetCreated,
    TweetDeleted,
    UserDeleted,
    UserRestored,
    UserSuspended,
)
from messaging.worker import Handler, Worker
from search.index import Document, Tombstone, index, now_ms

# Messages, and so documents in one bulk request.
BATCH = 500

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


def bury(events: Sequence[TweetDeleted]) -> None:
    index().write(Tombstone(id=event.id, deleted_at=event.deleted_at) for event in events)


def show_or_hide(events: Sequence[UserSuspended | UserRestored | UserDeleted]) -> None:
    """Makes the authors' tweets be found if accounts knows the authors now, and only then.

    The version is the time of asking, so of two workers that ask, the later answer stays.
    """
    user_ids = {event.id for event in events}
    asked_at = now_ms()
    known = accounts.get_users(user_ids)
    for user_id in user_ids:
        index().write(
            replace(document, hidden=user_id not in known, version=asked_at)
            for document in index().find_by_author(user_id)
        )


def _hide_unseen(documents: Sequence[Document]) -> None:
    """Those whose authors were suspended before their tweets came here, so that `show_or_hide` did
    not find them.

    Asks when they can be found, so one of the two sees what the other has done. While accounts is
    down nobody's tweets wait for it: what hydration then drops is hidden by `audit --repair`.
    """
    asked_at = now_ms()
    try:
        known = accounts.get_users({document.user_id for document in documents})
    except Unavailable as error:
        log.warning("authors of %d new tweets are not looked up: %s", len(documents), error)
        return
    index().write(
        replace(document, hidden=True, version=asked_at)
        for document in documents
        if document.user_id not in known
    )


HANDLERS: dict[str, Handler] = {
    "tweet.created": add,
    "tweet.deleted": bury,
    "user.suspended": show_or_hide,
    "user.restored": show_or_hide,
    "user.deleted": show_or_hide,  # tweets deletes them one by one meanwhile
}

WORKER = Worker(queue="search_tweets", handlers=HANDLERS, batch=BATCH)
