"""Reading a feed in four steps: skeleton, hydrate, rules, present. The last two do no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feed import truth
from feed.store import Timeline
from grpc_services.clients import tweets
from grpc_services.clients.accounts import User
from grpc_services.clients.tweets import Tweet
from grpc_services.presentation import find_authors, show_tweet, visible

# A page that the rules thin out is filled up again, this often at most; a page that is still short
# then has a cursor like any other.
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The entries of a page before anything is known of them."""

    entries: Sequence[int | str]
    has_more: bool

    @property
    def cursor(self) -> int | None:
        """Where the next page begins: below the last entry of this one."""
        if not self.has_more:
            return None
        ids = (entry for entry in reversed(self.entries) if isinstance(entry, int))
        return next(ids, None)


@dataclass(slots=True)
class FeedPage:
    count: int = 0  # entries before hydration
    tweets: list[dict[str, Any]] = field(default_factory=list)
    next: int | None = None


def read_by_offset(user_id: int, *, offset: int, limit: int) -> FeedPage:
    """A window of the list as it is: what is gone leaves its place empty."""
    page = skeleton_at(truth.materialise(user_id), offset, limit)
    found, authors = hydrate(page.entries, user_id)
    shown = present(rules(found, authors), authors)
    return FeedPage(len(page.entries), shown, page.cursor)


def read_by_cursor(user_id: int, *, before_id: int | None, limit: int) -> FeedPage:
    """What follows after `before_id`, whatever has been posted since, on to the first tweet."""
    timeline = truth.materialise(user_id)
    page = FeedPage(next=before_id)
    shown_ids: set[int] = set()
    for _ in range(_ROUNDS):
        part = skeleton_below(user_id, timeline, page.next, limit - len(page.tweets))
        found, authors = hydrate(part.entries, user_id)
        page.tweets += present(rules(found, authors, shown_ids), authors)
        page.count += len(part.entries)
        page.next = part.cursor
        if page.next is None or len(page.tweets) == limit:
            break
    return page


def skeleton_at(timeline: Timeline, offset: int, limit: int) -> Skeleton:
    entries = timeline.entries[offset : offset + limit]
    has_more = offset + limit < len(timeline.entries) or not timeline.is_complete
    return Skeleton(entries, has_more)


def skeleton_below(user_id: int, timeline: Timeline, before_id: int | None, limit: int) -> Skeleton:
    """From the list while it lasts, from the database below its floor."""
    ids = [entry for entry in timeline.entries if isinstance(entry, int)]
    below = [id for id in ids if before_id is None or id < before_id]
    entries = below[:limit]
    if len(entries) == limit or timeline.is_complete:
        return Skeleton(entries, len(below) > limit or not timeline.is_complete)
    floor = entries[-1] if entries else before_id
    older = truth.newest_entries(
        truth.authors_of(user_id), before_id=floor, limit=limit - len(entries) + 1
    )
    joined = [*entries, *older]
    return Skeleton(joined[:limit], len(joined) > limit)


def hydrate(
    entries: Sequence[int | str], viewer_id: int
) -> tuple[list[Tweet], Mapping[int, User] | None]:
    """The tweets behind the entries, and who wrote them: two calls for a page of any size."""
    ids = [entry for entry in entries if isinstance(entry, int)]
    found = tweets.get_tweets(ids, viewer_id=viewer_id)
    return found, find_authors(found)


def rules(
    found: Sequence[Tweet],
    authors: Mapping[int, User] | None,
    shown_ids: set[int] | None = None,
) -> list[Tweet]:
    """What this viewer sees: nothing of who is gone, and a tweet once, under its newest entry.

    `shown_ids` are the tweets that the page has already; they grow by those returned.
    """
    shown = set() if shown_ids is None else shown_ids
    kept = []
    for tweet in visible(found, authors):
        if tweet.id not in shown:
            shown.add(tweet.id)
            kept.append(tweet)
    return kept


def present(kept: Sequence[Tweet], authors: Mapping[int, User] | None) -> list[dict[str, Any]]:
    return [show_tweet(tweet, authors) for tweet in kept]
