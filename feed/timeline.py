"""Reads a feed in four steps: skeleton, hydrate, rules, present. The last two do no I/O.

If the timeline is in order and its tweets are cached, the first two take one round trip to Redis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feed import older_entries, reads
from feed.reads import Part
from feed.rebuilding import materialise
from hydration.assembly import HydratedTweet
from hydration.codec import CachedValues
from hydration.read import complete, load

# A page by cursor is filled up after the rules have removed tweets, in this many rounds at most.
# A page that is still short has a cursor, too.
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The entries of a page, before their tweets are read."""

    entries: Sequence[int | str]  # newest first; a str is not an id: another program wrote it
    has_more: bool
    cached: CachedValues | None = None  # for `hydration.read.complete`

    @property
    def cursor(self) -> int | None:
        """The last entry, below which the next page begins; None on the last page."""
        if not self.has_more:
            return None
        ids = (entry for entry in reversed(self.entries) if isinstance(entry, int))
        return next(ids, None)


@dataclass(slots=True)
class FeedPage:
    count: int = 0  # entries before hydration
    tweets: list[bytes] = field(default_factory=list)  # JSON
    next: int | None = None


def read_by_offset(user_id: int, *, offset: int, limit: int) -> FeedPage:
    """The list at these positions. Deleted and hidden tweets make the page shorter."""
    skeleton = skeleton_at(user_id, offset, limit)
    kept = rules(hydrate(skeleton, user_id), set())
    return FeedPage(len(skeleton.entries), present(kept), skeleton.cursor)


def read_by_cursor(user_id: int, *, before_id: int, limit: int) -> FeedPage:
    """The newest tweets below `before_id`. The last page ends with the oldest tweet."""
    page = FeedPage(next=before_id)
    shown: set[int] = set()
    for _ in range(_ROUNDS):
        assert page.next is not None
        skeleton = skeleton_below(user_id, page.next, limit - len(page.tweets))
        page.tweets += present(rules(hydrate(skeleton, user_id), shown))
        page.count += len(skeleton.entries)
        page.next = skeleton.cursor
        if page.next is None or len(page.tweets) == limit:
            break
    return page


def skeleton_at(user_id: int, offset: int, limit: int) -> Skeleton:
    if part := reads.read_part(user_id, offset=offset, limit=limit):
        return Skeleton(part.entries, part.has_more or not part.is_complete, part.cached)
    timeline = materialise(user_id)
    entries = timeline.entries[offset : offset + limit]
    has_more = offset + limit < len(timeline.entries) or not timeline.is_complete
    return Skeleton(entries, has_more)


def skeleton_below(user_id: int, before_id: int, limit: int) -> Skeleton:
    """From the lists in Redis, and below the highest of their floors from the database."""
    part = reads.read_part(user_id, before_id=before_id, limit=limit)
    if part is None:
        timeline = materialise(user_id)
        below = [id for id in timeline.ids if id < before_id]
        part = Part(below[:limit], len(below) > limit, timeline.is_complete)
    if len(part.entries) == limit or part.is_complete:
        return Skeleton(part.entries, part.has_more or not part.is_complete, part.cached)
    floor = part.entries[-1] if part.entries else before_id
    joined = [
        *part.entries,
        *older_entries.entries_below(user_id, floor, limit - len(part.entries) + 1),
    ]
    return Skeleton(joined[:limit], len(joined) > limit)


def hydrate(skeleton: Skeleton, viewer_id: int) -> list[HydratedTweet]:
    """The entries' tweets: from the cache, and all others by one call to each service."""
    ids = [entry for entry in skeleton.entries if isinstance(entry, int)]
    if skeleton.cached is not None:
        return complete(ids, skeleton.cached, viewer_id=viewer_id)
    return load(ids, viewer_id=viewer_id)


def rules(found: Sequence[HydratedTweet], shown: set[int]) -> list[HydratedTweet]:
    """The visible tweets, each once, under its newest entry.

    `shown` holds the ids of the page's tweets; the returned ones are added to it.

    A later page shows a tweet again under an older entry: if the newer entry arrived after the
    reader's earlier pages, the reader has not seen the tweet.
    """
    kept = []
    for tweet in found:
        if tweet.is_visible and tweet.tweet_id not in shown:
            shown.add(tweet.tweet_id)
            kept.append(tweet)
    return kept


def present(kept: Sequence[HydratedTweet]) -> list[bytes]:
    return [tweet.json for tweet in kept]
