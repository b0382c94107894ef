"""Fan-out: how what an author writes, reposts and deletes comes to the followers' timelines.

The followers of a large author are gone through a slice a message, and authors whom too many follow
are not pushed at all (`feed.pulling`).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from django.utils import timezone

from common.db import atomic
from common.http.pagination import Page
from common.ids import created_at, new_id
from common.observability.metrics import FANOUT_DELIVERIES, FANOUT_LAG
from common.redis import shards
from feed import pulling, store, truth
from feed.pipeline import Audience, Call, run
from grpc_services.clients import accounts, tweets
from messaging.events import (
    FanOutSliced,
    MergeSliced,
    PullEnded,
    TweetCreated,
    TweetDeleted,
    TweetReposted,
    TweetUnreposted,
)
from messaging.outbox import publish

# Entries younger than this are pushed on top without a look at the list: the reader sorts what
# arrives within moments. Older ones are put in their place, which is slower.
FRESH_SECONDS = 2.0
# Followers whom a message reaches; the rest is left to further messages.
SLICE = accounts.MAX_FOLLOWER_IDS
_NOBODY: Page[int] = Page([], None)
# Further messages that this process remembers to have left.
_REMEMBERED = 10_000
_left: dict[tuple[str, int, int], None] = {}

Place = Callable[[int, int, Audience], Iterator[Call]]


def fan_out(events: Sequence[TweetCreated] | Sequence[TweetReposted]) -> None:
    """Brings new entries to the timelines of their author's followers and the author's own."""
    entries = _by_author(events)
    placing = _placing([event.id for event in events], fresh_seconds=FRESH_SECONDS)

    def calls() -> Iterator[Call]:
        for author_id, page in _first_pages(entries):
            _leave_rest("push", entries[author_id], author_id, page)
            audience = Audience(page.items, author_id=author_id)
            for entry_id in entries[author_id]:
                if put := placing.get(entry_id):
                    yield from put(entry_id, author_id, audience)

    FANOUT_DELIVERIES.inc(run(calls()))
    _observe_lag(placing)


def take_back(events: Sequence[TweetDeleted] | Sequence[TweetUnreposted]) -> None:
    """Takes deleted entries out of the timelines; readers don't see them since the deletion."""
    entries = _by_author(events)
    for author_id, page in _first_pages(entries):
        _leave_rest("remove", entries[author_id], author_id, page)
        store.remove(entries[author_id], Audience(page.items, author_id=author_id))


def go_on(events: Sequence[FanOutSliced]) -> None:
    """The next slice of a large author's followers, and the message for the one after it."""
    for event in events:
        page = accounts.get_follower_ids(
            user_id=event.author_id, after_id=event.after_id, limit=SLICE
        )
        _leave_rest(event.action, [event.entry_id], event.author_id, page)
        audience = Audience(page.items)
        if event.action == "remove":
            store.remove([event.entry_id], audience)
        else:
            # as long as the markers last; the readers of so many lists sort what comes meanwhile
            placing = _placing([event.entry_id], fresh_seconds=store.MARKER_SECONDS)
            if put := placing.get(event.entry_id):
                FANOUT_DELIVERIES.inc(run(put(event.entry_id, event.author_id, audience)))
                _observe_lag(placing)


def merge_first_slice(author_id: int) -> None:
    """Merges the author's entries into the author's own timeline and those of the first followers.

    Messages of their own continue with the other followers.
    """
    _merge_slice(author_id, after_id=None)


def merge_on(events: Sequence[MergeSliced]) -> None:
    """Merges the author's entries into the timelines of the next slice of followers."""
    for event in events:
        _merge_slice(event.author_id, after_id=event.after_id)


def _merge_slice(author_id: int, *, after_id: int | None) -> None:
    page = accounts.get_follower_ids(user_id=author_id, after_id=after_id or 0, limit=SLICE)
    reached = [author_id, *page.items] if after_id is None else page.items
    store.merge(truth.entries_of(author_id), author_id, store.materialised(reached))
    if page.next is None:
        return
    # after the work, so that retries during an outage don't publish it twice
    event = MergeSliced(author_id=author_id, after_id=page.next, at=timezone.now())
    with atomic("feed"):
        publish(event, service="feed")


def _observe_lag(entry_ids: Iterable[int]) -> None:
    for entry_id in entry_ids:
        FANOUT_LAG.observe(max(time.time() - created_at(entry_id).timestamp(), 0.0))


def _first_pages(author_ids: Collection[int]) -> Iterator[tuple[int, Page[int]]]:
    """The followers whose timelines each author's entries go to: nobody's where readers pull.

    Whether they do is looked at here, whenever an author has news, and nowhere else.
    """
    states = {shard: pulling.states(shard, author_ids) for shard in shards.names()}
    pushed = {
        author_id: [shard for shard in states if states[shard][author_id] != pulling.PULLED]
        for author_id in author_ids
    }
    pulled = [id for id in author_ids if len(pushed[id]) < len(states)]
    for user in accounts.get_users(pulled).values():
        if pulling.is_well_under(user.num_followers):
            end_pulling(user.id)
    yield from ((id, _NOBODY) for id in author_ids if not pushed[id])

    followed = [id for id in author_ids if pushed[id]]
    for author_id, page in accounts.iter_first_follower_ids(followed, limit=SLICE):
        reached = pushed[author_id]
        if pulling.is_over(_num_followers(author_id, page)):
            reached = [
                shard
                for shard in reached
                if not pulling.start(shard, author_id, states[shard][author_id])
            ]
        yield author_id, _on(reached, page)


def _on(reached: Sequence[str], page: Page[int]) -> Page[int]:
    """Those of the followers whose timelines are on these shards."""
    if len(reached) == len(shards.names()):
        return page
    if not reached:
        return _NOBODY
    return Page([id for id in page.items if shards.of(id) in reached], page.next)


def _num_followers(author_id: int, first_page: Page[int]) -> int:
    if first_page.next is None:
        return len(first_page.items)
    author = accounts.find_user(user_id=author_id)
    return author.num_followers if author else 0


def end_pulling(author_id: int) -> None:
    """From now on the author's entries are pushed again; a first message leads to what follows.

    It is published before anything else changes: a crash in between loses nothing. Called while an
    ending is under way it goes through the followers once more.
    """
    numbers = [number for id, number in pulling.endings() if id == author_id] or [new_id()]
    for number in numbers:
        _publish_ending(author_id, number, after_id=None)
    pulling.start_ending(author_id, numbers[0])


def push_again(events: Sequence[PullEnded]) -> None:
    """Merges what the author's followers pulled into their timelines, a slice a message.

    From its beginning new entries are pushed again; older ones are in the database.
    """
    for event in events:
        author_id, number = event.author_id, event.number
        if event.after_id is None:
            pulling.start_ending(author_id, number)  # unless that was done when it was told
        ending = pulling.where_ending(author_id, number)
        if not ending:
            continue  # it has ended, or begun again
        page = accounts.get_follower_ids(
            user_id=author_id, after_id=event.after_id or 0, limit=SLICE
        )
        reached = _on(ending, page).items
        store.merge(truth.entries_of(author_id), author_id, store.materialised(reached))
        if page.next is None:
            pulling.end(author_id, number)
        else:
            _publish_ending(author_id, number, after_id=page.next)


def _publish_ending(author_id: int, number: int, *, after_id: int | None) -> None:
    news = PullEnded(author_id=author_id, number=number, after_id=after_id, at=timezone.now())
    with atomic("feed"):
        publish(news, service="feed")


def _leave_rest(action: str, entry_ids: Sequence[int], author_id: int, page: Page[int]) -> None:
    """Leaves the followers after this page to messages of their own, in a queue of their own.

    So nobody waits behind an author with a million followers, slices are done side by side, and a
    crash goes on from the slice. What is tried again during an outage leaves them once.
    """
    if page.next is None:
        return
    rest = [(action, id, page.next) for id in entry_ids if (action, id, page.next) not in _left]
    if not rest:
        return
    with atomic("feed"):
        publish(
            *(
                FanOutSliced(
                    action=action,
                    entry_id=entry_id,
                    author_id=author_id,
                    after_id=after_id,
                    at=timezone.now(),
                )
                for action, entry_id, after_id in rest
            ),
            service="feed",
        )
    _left.update(dict.fromkeys(rest))
    while len(_left) > _REMEMBERED:
        _left.pop(next(iter(_left)), None)


def _placing(entry_ids: Sequence[int], *, fresh_seconds: float) -> dict[int, Place]:
    """How each entry is put into timelines; late ones that were deleted meanwhile are left out."""
    late = [id for id in entry_ids if not _is_fresh(id, fresh_seconds)]
    placing: dict[int, Place] = dict.fromkeys(set(entry_ids).difference(late), store.pushing)
    return placing | {tweet.entry_id: store.inserting for tweet in tweets.get_tweets(late)}


def _by_author(events: Sequence[Any]) -> dict[int, list[int]]:
    """The ids of the events' entries by who wrote or reposted them."""
    entries: dict[int, list[int]] = {}
    for event in events:
        entries.setdefault(event.user_id, []).append(event.id)
    return entries


def _is_fresh(entry_id: int, seconds: float) -> bool:
    return time.time() - created_at(entry_id).timestamp() < seconds
