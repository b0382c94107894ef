"""A page of results in four steps: skeleton, hydrate, rules, present. The last two do no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from common.errors import Unavailable
from common.ids import parse_id
from common.times import parse_time
from grpc_services.clients import tweets
from grpc_services.clients.accounts import User
from grpc_services.clients.tweets import Tweet
from grpc_services.presentation import find_authors, show_tweet, visible
from search import cursor as cursors
from search.index import Found, Hit, Place, index, this_hour
from search.query import parse

# What the index doesn't know of a tweet.
UNKNOWN = {
    "author": None,
    "parent_id": None,
    "parent_deleted": None,
    "num_likes": None,
    "num_replies": None,
    "num_reposts": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    results: list[dict[str, Any]]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the other services say of a page's tweets."""

    tweets: Mapping[int, Tweet] | None  # by id; None while tweets is down
    authors: Mapping[int, User] | None  # None while accounts is down


def search(text: str, *, limit: int, offset: int, cursor: str | None, viewer_id: int) -> ResultPage:
    place = cursors.read(cursor, text) if cursor else Place(hour=this_hour(), offset=offset)
    found = skeleton(text, place, limit)
    ours = {hit.key: tweet for hit in found.hits if (tweet := read_tweet(hit)) is not None}
    known = hydrate(ours, viewer_id)
    return ResultPage(
        results=present(rules(found.hits, ours, known), ours, known),
        total=found.total,
        next=cursors.show(found.next, text) if found.next else None,
    )


def skeleton(text: str, place: Place, limit: int) -> Found:
    return index().search(parse(text), place=place, limit=limit)


def read_tweet(hit: Hit) -> Tweet | None:
    """The tweet as far as the index knows it; None for a document that is none of ours."""
    source = hit.source
    id, user_id = _read_id(source.get("id")), _read_id(source.get("user_id"))
    content, created_at = source.get("content"), source.get("created_at")
    if id is None or user_id is None or not isinstance(content, str):
        return None
    try:
        created = parse_time(created_at)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return Tweet(
        id=id,
        user_id=user_id,
        content=content,
        parent_id=None,
        parent_deleted=False,
        num_likes=0,
        num_replies=0,
        num_reposts=0,
        created_at=created,
        entry_id=id,
        reposted_by_id=None,
        liked=None,
        reposted=None,
    )


def hydrate(ours: Mapping[str, Tweet], viewer_id: int) -> Known:
    ids = [tweet.id for tweet in ours.values()]
    try:
        found = {tweet.id: tweet for tweet in tweets.get_tweets(ids, viewer_id=viewer_id)}
    except Unavailable:
        return Known(tweets=None, authors=find_authors(list(ours.values())))
    return Known(tweets=found, authors=find_authors(list(found.values())))


def rules(hits: Sequence[Hit], ours: Mapping[str, Tweet], known: Known) -> list[Hit]:
    """Without tweets that are gone, or whose authors are. Foreign documents stay."""
    there = known.tweets if known.tweets is not None else {t.id: t for t in ours.values()}
    shown = {tweet.id for tweet in visible(list(there.values()), known.authors)}
    return [hit for hit in hits if hit.key not in ours or ours[hit.key].id in shown]


def present(hits: Sequence[Hit], ours: Mapping[str, Tweet], known: Known) -> list[dict[str, Any]]:
    return [{**_show(hit, ours.get(hit.key), known), "score": hit.score} for hit in hits]


def _show(hit: Hit, tweet: Tweet | None, known: Known) -> dict[str, Any]:
    if tweet is None:
        return show_foreign(hit)
    if known.tweets is not None:
        return show_tweet(known.tweets[tweet.id], known.authors)
    shown = show_tweet(tweet, known.authors)
    return {**shown, **UNKNOWN, "author": shown["author"]}


def show_foreign(hit: Hit) -> dict[str, Any]:
    """As it is, as far as it can be shown, in the shape of a tweet."""
    source = {"id": hit.key, **hit.source}
    shown = {name: _showable(source.get(name)) for name in ("id", "user_id", "content")}
    return {**shown, **UNKNOWN, "created_at": _showable(source.get("created_at"))}


def _read_id(value: Any) -> int | None:
    return parse_id(value) if isinstance(value, str) else None


def _showable(value: Any) -> Any:
    """JSON can say more than our renderer: integers of any size, half characters."""
    try:
        orjson.dumps(value)
    except TypeError:
        return None
    return value
