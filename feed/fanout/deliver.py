"""Delivers entries to timelines, a page of followers at a time."""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from common.http.pagination import Page
from common.ids import created_at
from common.observability.metrics import FANOUT_DELIVERIES, FANOUT_LAG
from feed import expected, pulling, reads, writes
from feed.fanout import apply, decide, slices
from feed.pipeline import Audience, Call, run
from messaging.events import (
    FanOutSliced,
    MergeSliced,
    PullEnded,
    TweetCreated,
    TweetDeleted,
    TweetReposted,
    TweetUnreposted,
)

# Entries younger than this are pushed without reading the list, because readers sort entries that
# arrive out of order within moments. Older ones are inserted in order, which is slower.
FRESH_SECONDS = 2.0


def fan_out(events: Sequence[TweetCreated] | Sequence[TweetReposted]) -> None:
    """Delivers new entries to the timelines of the author and the first slice of followers."""
    entries = _by_author(events)
    fresh = decide.freshness([event.id for event in events], fresh_seconds=FRESH_SECONDS)

    def calls() -> Iterator[Call]:
        for author_id, page in _first_slices(entries):
            slices.publish_next("push", entries[author_id], author_id, page)
            audience = Audience(page.items, author_id=author_id)
            for entry_id in entries[author_id]:
                if entry_id in fresh:
                    yield from _calls(entry_id, author_id, audience, is_fresh=fresh[entry_id])

    FANOUT_DELIVERIES.inc(run(calls()))
    _observe_lag(fresh)


def remove_entries(events: Sequence[TweetDeleted] | Sequence[TweetUnreposted]) -> None:
    """Removes deleted entries from the timelines. Pages have hidden them since the deletion."""
    entries = _by_author(events)
    for author_id, page in _first_slices(entries):
        slices.publish_next("remove", entries[author_id], author_id, page)
        writes.remove(entries[author_id], Audience(page.items, author_id=author_id))


def deliver_slices(events: Sequence[FanOutSliced]) -> None:
    """Delivers or removes an entry for one slice of followers, and publishes the next slice."""
    for event in events:
        page = slices.followers(event.author_id, after_id=event.after_id)
        slices.publish_next(event.action, [event.entry_id], event.author_id, page)
        audience = Audience(page.items)
        if event.action == "remove":
            writes.remove([event.entry_id], audience)
        else:
            _deliver_to_slice(event, audience)


def _deliver_to_slice(event: FanOutSliced, audience: Audience) -> None:
    # Slices take longer than `FRESH_SECONDS`. While the markers last, pushing is safe and faster.
    fresh = decide.freshness([event.entry_id], fresh_seconds=writes.MARKER_SECONDS)
    for entry_id, is_fresh in fresh.items():
        calls = _calls(entry_id, event.author_id, audience, is_fresh=is_fresh)
        FANOUT_DELIVERIES.inc(run(calls))
        _observe_lag([entry_id])


def merge_first_slice(author_id: int) -> None:
    """Merges the author's entries into the author's and the first followers' timelines."""
    _merge_slice(author_id, after_id=None)


def merge_slices(events: Sequence[MergeSliced]) -> None:
    """Merges the author's entries into the timelines of one slice of followers."""
    for event in events:
        _merge_slice(event.author_id, after_id=event.after_id)


def _merge_slice(author_id: int, *, after_id: int | None) -> None:
    page = slices.followers(author_id, after_id=after_id)
    _merge(author_id, [author_id, *page.items] if after_id is None else page.items)
    if page.next is not None:  # after the work, so that retries do not publish it twice
        slices.publish_merge(author_id, after_id=page.next)


def end_pulling_slices(events: Sequence[PullEnded]) -> None:
    """Merges entries that were not pushed into a slice of timelines; the last slice ends pulling.

    Entries are pushed since the first slice was published; the database has all earlier ones.
    """
    for event in events:
        author_id, number = event.author_id, event.number
        if event.after_id is None:  # a crash may have prevented it, see `apply.end_pulling`
            pulling.start_ending(author_id, number)
        ending = pulling.shards_ending(author_id, number)
        if not ending:
            continue  # this ending is complete, or the author is pulled again
        page = slices.followers(author_id, after_id=event.after_id)
        _merge(author_id, decide.on_shards(ending, page).items)
        if page.next is None:
            pulling.end(author_id, number)
        else:
            slices.publish_ending(author_id, number, after_id=page.next)


def _merge(author_id: int, user_ids: Sequence[int]) -> None:
    writes.merge(expected.entries_of(author_id), author_id, reads.materialised(user_ids))


def _first_slices(author_ids: Collection[int]) -> Iterator[tuple[int, Page[int]]]:
    """Starts or ends pulling if necessary, then yields the first followers of each author."""
    states = decide.states_of(author_ids)
    for author_id in decide.authors_to_push_again(states):
        apply.end_pulling(author_id)
    for route in decide.routes(states):
        pushed = apply.start_pulling(route) if route.starts_pulling else route.pushed
        yield route.author_id, decide.on_shards(pushed, route.first_page)


def _calls(entry_id: int, author_id: int, audience: Audience, *, is_fresh: bool) -> Iterator[Call]:
    if is_fresh:
        return writes.push_calls(entry_id, author_id, audience)
    return writes.insert_calls(entry_id, author_id, audience)


def _by_author(
    events: Iterable[TweetCreated | TweetReposted | TweetDeleted | TweetUnreposted],
) -> dict[int, list[int]]:
    """The events' entries, by author or reposter."""
    entries: dict[int, list[int]] = {}
    for event in events:
        entries.setdefault(event.user_id, []).append(event.id)
    return entries


def _observe_lag(entry_ids: Iterable[int]) -> None:
    for entry_id in entry_ids:
        FANOUT_LAG.observe(max(time.time() - created_at(entry_id).timestamp(), 0.0))
