"""Reading a feed in four steps: skeleton, hydrate, rules, present. The last two do no I/O.

Where a timeline is in order and its tweets are cached, the first two are one round trip to Redis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feed import older_entries, reads
from feed.reads import Part
from feed.rebuilding import materialise
from hydration.assembly import HydratedTweet
from hydration.codec import CachedValues
from hydration.read import complete, load

# A page that the rules thin out is filled up again, this often at most; a page that is still short
# then has a cursor like any other.
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The entries of a page before anything is known of them."""

    entries: Sequence[int | str]  # newest first; text where something else put it there
    has_more: bool
    cached: CachedValues | None = None  # for `hydration.read.complete`

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
    tweets: list[bytes] = field(default_factory=list)  # JSON
    next: int | None = None


def read_by_offset(user_id: int, *, offset: int, limit: int) -> FeedPage:
    """A window of the list as it is: what is gone leaves its place empty."""
    skeleton = skeleton_at(user_id, offset, limit)
    kept = rules(hydrate(skeleton, user_id), set())
    return FeedPage(len(skeleton.entries), present(kept), skeleton.cursor)


def read_by_cursor(user_id: int, *, before_id: int, limit: int) -> FeedPage:
    """What follows after `before_id`, whatever has been posted since, on to the first tweet."""
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
    """From the lists while they last, from the database below the highest of their floors."""
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
    """The tweets behind the entries: cached ones, and the rest by one call to each service."""
    ids = [entry for entry in skeleton.entries if isinstance(entry, int)]
    if skeleton.cached is not None:
        return complete(ids, skeleton.cached, viewer_id=viewer_id)
    return load(ids, viewer_id=viewer_id)


def rules(found: Sequence[HydratedTweet], shown: set[int]) -> list[HydratedTweet]:
    """What this viewer sees: nothing of who is gone, and a tweet once, under its newest entry.

    `shown` are the tweets that the page has already; they grow by those returned.

    A later page shows a tweet again under an older entry. To hide it there would hide it from
    readers whose earlier pages were read before the newer entry arrived.
    """
    kept = []
    for fragment in found:
        if fragment.is_visible and fragment.tweet_id not in shown:
            shown.add(fragment.tweet_id)
            kept.append(fragment)
    return kept


def present(kept: Sequence[HydratedTweet]) -> list[bytes]:
    return [fragment.json for fragment in kept]
