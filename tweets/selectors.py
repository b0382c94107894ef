"""Reads of tweets in batches. The number of queries does not grow with the batch."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC
from typing import Any, Literal, NamedTuple, get_args

from django.db import connections
from django.db.models import Count, QuerySet

from common.db import alias
from common.drift import Drift, find_drift
from common.errors import NotFound, Unavailable
from common.http.pagination import Page, cut
from common.ids import MAX_ID, find_named_id
from grpc_services.clients import accounts
from grpc_services.clients.tweets import Entry
from grpc_services.clients.tweets import Tweet as ShownTweet
from hydration.read import load_authors
from hydration.visibility import check_shown, people_of
from tweets.models import Like, Tweet


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    tweet: ShownTweet
    replies: Page[ShownTweet]


Counter = Literal["num_likes", "num_replies", "num_reposts"]


def get_tweets(entry_ids: Collection[int], *, viewer_id: int | None = None) -> list[ShownTweet]:
    """The existing entries in the order of their ids. A repost's id gives its original.

    Takes one query, and another for the originals of reposts that are not among the ids.
    """
    rows = _find_rows(entry_ids, viewer_id)
    originals = {row.repost_of_id for row in rows.values() if row.repost_of_id is not None}
    rows |= _find_rows(originals - rows.keys(), viewer_id)
    shown = []
    for entry_id in entry_ids:
        row = rows.get(entry_id)
        if row is None:
            continue
        if row.repost_of_id is None:
            shown.append(row.tweet)
        elif original := rows.get(row.repost_of_id):
            reposter_id = row.tweet.user_id
            shown.append(replace(original.tweet, entry_id=entry_id, reposted_by_id=reposter_id))
    return shown


def get_tweet(entry_id: int, *, viewer_id: int | None = None) -> ShownTweet:
    for tweet in get_tweets([entry_id], viewer_id=viewer_id):
        return tweet
    raise NotFound(f"there is no tweet {entry_id}")


def get_visible_tweet(entry_id: int, *, viewer_id: int | None = None) -> ShownTweet:
    """Raises `NotFound` if the author is suspended or deleted. While accounts is down, nothing is
    hidden.
    """
    tweet = get_tweet(entry_id, viewer_id=viewer_id)
    people = people_of(tweet)
    check_shown(people, load_authors(people))
    return tweet


def get_thread(
    entry_id: int, *, viewer_id: int | None = None, after_id: int | None = None, limit: int
) -> Thread:
    """A tweet and a page of its replies, oldest first. The caller hides those of hidden users."""
    tweet = get_tweet(entry_id, viewer_id=viewer_id)
    replies = _read(
        "parent_id = %s AND id > %s ORDER BY id LIMIT %s",
        [tweet.id, after_id or 0, limit + 1],
        viewer_id,
    )
    page = cut([row.tweet for row in replies], limit, key=lambda reply: reply.id)
    return Thread(tweet=tweet, replies=page)


def list_tweets(*, after_id: int | None = None, limit: int) -> list[ShownTweet]:
    """The tweets (no reposts) above `after_id` in order of id."""
    rows = _read(
        "repost_of_id IS NULL AND id > %s ORDER BY id LIMIT %s", [after_id or 0, limit], None
    )
    return [row.tweet for row in rows]


def list_reply_ids(parent_ids: Collection[int], *, limit: int) -> list[int]:
    """The ids of up to `limit` replies to the tweets. The tweets may be deleted."""
    replies = Tweet.objects.filter(parent_id__in=parent_ids)
    return list(replies.values_list("id", flat=True)[:limit])


def list_entries(
    author_ids: Collection[int], *, before_id: int | None = None, limit: int
) -> list[Entry]:
    """The authors' tweets and reposts, newest first."""
    rows = (
        Tweet.objects.filter(user_id__in=author_ids, id__lt=before_id or MAX_ID)
        .order_by("-id")
        .values_list("id", "user_id", "repost_of_id")
    )
    return [
        Entry(id=id, user_id=user_id, tweet_id=id if original is None else original)
        for id, user_id, original in rows[:limit]
    ]


def get_author_page(
    author_id: int, *, viewer_id: int | None = None, before_id: int | None = None, limit: int
) -> Page[ShownTweet]:
    """Tweets and reposts of one author. A page shows a tweet once, under its newest entry."""
    entries = list_entries([author_id], before_id=before_id, limit=limit + 1)
    page = cut(entries, limit, key=lambda entry: entry.id)
    return Page(get_tweets(_newest_by_tweet(page.items), viewer_id=viewer_id), page.next)


def get_author_id(name: str) -> int:
    """The id of the user with this id or username. While accounts is down, an id is not checked."""
    author_id = find_named_id(name)
    try:
        if author_id is None:
            author = accounts.find_user(username=name)
        else:
            author = accounts.find_user(user_id=author_id)
    except Unavailable:
        if author_id is None:
            raise
        return author_id
    if author is None:
        raise NotFound("there is no such user")
    return author.id


def count_tweets(*, after_user_id: int = 0, limit: int) -> dict[int, int]:
    """The number of tweets by user, for the next `limit` users who have any, in order of id."""
    counts = (
        Tweet.objects.tweets()
        .filter(user_id__gt=after_user_id)
        .values("user_id")
        .annotate(count=Count("id"))
        .order_by("user_id")
    )
    return dict(counts.values_list("user_id", "count")[:limit])


def find_counter_drift(*, after_id: int = 0, limit: int = 1000) -> Page[Drift]:
    """Compares the counters of a page of tweets with the rows, in four queries.

    `limit` is a number of tweets, and `next` is an `after_id`. A like that commits between the
    queries looks like drift; `services.repair_counters` rechecks under a lock.
    """
    tweets = Tweet.objects.tweets().filter(id__gt=after_id).order_by("id")
    page = cut(list(tweets[: limit + 1]), limit, key=lambda tweet: tweet.id)
    return Page(counter_drift(page.items), page.next)


def counter_drift(tweets: Sequence[Tweet]) -> list[Drift]:
    ids = [tweet.id for tweet in tweets]
    counted = {
        "num_likes": _count_by("tweet_id", Like.objects.filter(tweet_id__in=ids)),
        "num_replies": _count_by("parent_id", Tweet.objects.filter(parent_id__in=ids)),
        "num_reposts": _count_by("repost_of_id", Tweet.objects.filter(repost_of__in=ids)),
    }
    return find_drift("tweet", tweets, counted)


def as_created(tweet: Tweet) -> ShownTweet:
    """A new tweet as its author sees it, without a query."""
    values: dict[str, Any] = {name: getattr(tweet, name) for name in _STORED}
    values |= dict.fromkeys(get_args(Counter), 0) | dict.fromkeys(_COMPUTED, False)
    return ShownTweet(**values, entry_id=tweet.id, reposted_by_id=None)


class _Row(NamedTuple):
    tweet: ShownTweet
    repost_of_id: int | None  # set in a repost, whose user is the reposter


def _find_rows(ids: Collection[int], viewer_id: int | None) -> dict[int, _Row]:
    if not ids:
        return {}
    placeholders = ", ".join(["%s"] * len(ids))
    return {row.tweet.id: row for row in _read(f"id IN ({placeholders})", list(ids), viewer_id)}


# The computed fields of a shown tweet, all booleans. `liked` and `reposted` take the viewer as a
# parameter.
_COMPUTED = {
    "parent_deleted": """parent_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM tweets_tweet parent WHERE parent.id = tweet.parent_id)""",
    "liked": """EXISTS (
        SELECT 1 FROM tweets_like mark WHERE mark.tweet_id = tweet.id AND mark.user_id = %s
    )""",
    "reposted": """EXISTS (
        SELECT 1 FROM tweets_tweet mark WHERE mark.repost_of_id = tweet.id AND mark.user_id = %s
    )""",
}
# The other fields are columns of the same names.
_STORED = tuple(
    field.name
    for field in fields(ShownTweet)
    if field.name not in {*_COMPUTED, "entry_id", "reposted_by_id"}
)
_SELECTED = (*_STORED, *_COMPUTED)
# Written by hand: the ORM takes 15 times as long to compile this statement as the database takes to
# execute it.
_COLUMNS = ", ".join(["repost_of_id", *_STORED, *_COMPUTED.values()])
_SELECT = " ".join(["SELECT", _COLUMNS, "FROM tweets_tweet tweet WHERE "])
_NO_VIEWER = 0


def _read(condition: str, values: Sequence[int], viewer_id: int | None) -> list[_Row]:
    viewer = _NO_VIEWER if viewer_id is None else viewer_id
    with connections[alias("tweets")].cursor() as cursor:
        cursor.execute(_SELECT + condition, [viewer, viewer, *values])
        found = cursor.fetchall()
    return [_row(selected, repost_of_id, viewer_id) for repost_of_id, *selected in found]


def _row(selected: Sequence[Any], repost_of_id: int | None, viewer_id: int | None) -> _Row:
    values = dict(zip(_SELECTED, selected, strict=True))
    for name in _COMPUTED:
        values[name] = bool(values[name])
    if viewer_id is None:
        values["liked"] = values["reposted"] = None
    values["created_at"] = values["created_at"].replace(tzinfo=UTC)  # SQLite omits it
    return _Row(ShownTweet(**values, entry_id=values["id"], reposted_by_id=None), repost_of_id)


def _count_by(field: str, rows: QuerySet[Any]) -> dict[int, int]:
    return dict(rows.order_by().values_list(field).annotate(Count("id")))


def _newest_by_tweet(entries: Iterable[Entry]) -> list[int]:
    """The id of each tweet's newest entry. `entries` are sorted newest first."""
    newest: dict[int, int] = {}
    for entry in entries:
        newest.setdefault(entry.tweet_id, entry.id)
    return list(newest.values())
