"""The interface of a search index. `settings.SEARCH_INDEX` names the back end in use."""

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from common.errors import Malformed
from common.http.pagination import Page
from search.query import Query

# Only so many hits of a query are counted and can be paged through.
WINDOW = 10_000

# Versions (docs/decisions/0005-search-versions.md): the index keeps the entry with the highest.
# Hiding or showing a tweet has a time in microseconds as its version, which lies in between.
CREATED = 1
DELETED = 2**62
# A rebuild keeps younger tombstones. Longer than a `tweet.created` is in progress.
TOMBSTONES_KEPT = timedelta(days=1)

# The differences between an index and the tweets.
MISSING = "is missing"
STALE = "is stale"
HIDDEN = "is hidden though its author is not"
UNHIDDEN = "is visible though its author is hidden"
TOMBSTONED = "has a tombstone though the tweet exists"
SURPLUS = "has no tweet"

# A score is BM25's relevance times a freshness between 1 (new) and 0.5 (old): 0.75 after a week,
# 0.53 after two. Ages are measured at the end of the hour, so that pages agree with each other.
OLD = 0.5
FRESHNESS_SCALE = timedelta(days=7)
FRESHNESS_DECAY = 0.5

_MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A tweet in the index."""

    id: int
    user_id: int
    content: str
    created_at: datetime
    version: int = CREATED
    hidden: bool = False  # its author is suspended or deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A deleted tweet. It keeps a late `tweet.created` from restoring the tweet."""

    id: int
    deleted_at: datetime


Entry = Document | Tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    key: str  # the document's id in the index
    source: dict[str, Any]  # the document as indexed, by us or by another program
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The start of a page. A cursor is an encoded position.

    The first page is found by `offset`. The second page opens a snapshot, leaves out the hits in
    `seen` and skips `offset` hits, so that it repeats nothing although scores may have changed.
    All later pages continue in that snapshot.
    """

    hour: int  # since 1970; freshness is measured at its end
    offset: int = 0
    seen: tuple[str, ...] = ()  # keys of the hits on the first page
    snapshot: str = ""  # the back end's name for it
    after: tuple[Any, ...] = ()  # the back end's position in the snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    hits: list[Hit] = field(default_factory=list)
    total: int = 0  # WINDOW at most
    next: Position | None = None


class Index(Protocol):
    """Every method raises `common.errors.Unavailable` while the index can't be reached.

    An index that doesn't exist is empty. The first write creates it.
    """

    def prepare(self) -> None:
        """Sets the mappings that apply when another program creates the index."""

    def write(self, entries: Iterable[Entry]) -> None:
        """Writes each entry unless the index has the same version or a higher one."""

    def search(self, query: Query, *, position: Position, limit: int) -> Found:
        """The hits by score, equal scores by time of creation and id, newest first.

        Raises `Malformed` if the position's snapshot has expired.
        """

    def find_by_author(
        self, user_id: int, *, after_id: int | None = None, limit: int
    ) -> Page[Document]:
        """A page of the author's tweets, hidden ones included, in an order of the back end's.

        During a rebuild a tweet may occur twice.
        """

    def differences(self, expected: Iterable[Document]) -> dict[int, str]:
        """Compares the documents with the index: `MISSING`, `STALE` and so on, by id.

        Documents that are equal are left out. Writes count before searches find them.
        """

    def find_indexed(self, ids: Collection[int]) -> set[int]:
        """Which of the ids have a document of ours that is no tombstone."""

    def iter_ids(self) -> Iterator[int]:
        """The ids of all documents of ours, without tombstones."""

    def rebuild(self) -> "Rebuild":
        """Creates a new index beside this one. From now on `write` writes to both.

        Deletes the new index of an earlier rebuild that did not finish.
        """

    def clear(self) -> None:
        """Deletes everything."""


class Rebuild(Protocol):
    """`load` and `finish` raise `Superseded` after another rebuild has started."""

    def load(self, documents: Iterable[Document]) -> None:
        """Writes to the new index only."""

    def finish(self) -> None:
        """Replaces the old index by the new one, atomically.

        Copies the recent tombstones first, because their `tweet.created` may still be in progress.
        A tombstone is left out if its tweet was loaded: the database was restored from a backup.
        """

    def abandon(self) -> None:
        """Deletes the new index."""


class Superseded(Exception):
    """Another rebuild has started and deleted this one's index."""


def expired() -> Malformed:
    """The error for a position whose snapshot has expired."""
    return Malformed(
        "cursor: has expired: search again", fields={"cursor": ["has expired: search again"]}
    )


def this_hour() -> int:
    return time.time_ns() // 1_000_000 // _MS_PER_HOUR


def end_of_hour_ms(hour: int) -> int:
    """The time at which ages are measured. The hour's start would give new tweets negative ages."""
    return (hour + 1) * _MS_PER_HOUR


def freshness(age_ms: float) -> float:
    """The factor of a score, on the same curve as Elasticsearch's `gauss`."""
    scale_ms = FRESHNESS_SCALE / timedelta(milliseconds=1)
    return float(OLD + (1 - OLD) * FRESHNESS_DECAY ** ((age_ms / scale_ms) ** 2))


@cache
def index() -> Index:
    options = dict(settings.SEARCH_INDEX)
    return cast(Index, import_string(options.pop("BACKEND"))(**options))
