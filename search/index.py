"""What search asks of an index. `settings.SEARCH_INDEX` names the one in use."""

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

# Hits that can be reached and are counted.
WINDOW = 10_000

# Versions (docs/decisions/0005-search-versions.md): the index keeps the highest. Hiding a tweet and
# showing it again have times in microseconds, which lie between these two.
CREATED = 1
DELETED = 2**62
# How long a tombstone outlives the index it was written to: longer than news may be late.
TOMBSTONES_KEPT = timedelta(days=1)

# How an index differs from the tweets.
MISSING = "is missing"
STALE = "is stale"
HIDDEN = "is hidden though its author is not"
UNHIDDEN = "is shown though its author is not"
TOMBSTONED = "has a tombstone though the tweet exists"
SURPLUS = "has no tweet"

# A score is what BM25 says, times something between 1 (now) and 0.5 (old): after a week
# 0.75, after two 0.53. Ages are reckoned at the end of the hour, so that pages fit together.
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
    hidden: bool = False  # its author is suspended


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Stands for a tweet that was deleted, lest a late `tweet.created` brings it back."""

    id: int
    deleted_at: datetime


Entry = Document | Tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    key: str  # names the document in its index
    source: dict[str, Any]  # as it was indexed, by whomever
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page begins; a cursor is one of these.

    The page after one that was found by `offset` is read from a snapshot that is taken then: it
    passes over the `offset` best hits and the `seen` ones, which is right even if the scores have
    changed in between. The pages after that one go on in the same snapshot.
    """

    hour: int  # since 1970, from which freshness is reckoned
    offset: int = 0
    seen: tuple[str, ...] = ()  # keys of the hits on the page found by offset
    snapshot: str = ""  # as the back end names it
    after: tuple[Any, ...] = ()  # where in the snapshot, as the back end puts it


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    hits: list[Hit] = field(default_factory=list)
    total: int = 0  # WINDOW at most
    next: Place | None = None


class Index(Protocol):
    """Every method raises `common.errors.Unavailable` while the index can't be reached.

    An index that doesn't exist is empty, and made at the first write.
    """

    def prepare(self) -> None:
        """Makes what must exist before anyone else creates the index."""

    def write(self, entries: Iterable[Entry]) -> None:
        """Writes each entry unless the index has it in the same version or a later one."""

    def search(self, query: Query, *, place: Place, limit: int) -> Found:
        """The hits in order of score, and of id (newest first) where scores are equal.

        Raises `Malformed` for a place whose snapshot is gone.
        """

    def find_by_author(
        self, user_id: int, *, after_id: int | None = None, limit: int
    ) -> Page[Document]:
        """A page of the author's tweets, hidden ones included, in an order of the index's own.

        While a rebuild runs, a tweet may occur twice.
        """

    def differences(self, expected: Iterable[Document]) -> dict[int, str]:
        """How the index differs from the documents, by id, in the words above.

        Only those that differ. What was written before is seen, found by searches already or not.
        """

    def find_indexed(self, ids: Collection[int]) -> set[int]:
        """Those of the ids under which a document of ours stands and no tombstone."""

    def iter_ids(self) -> Iterator[int]:
        """The ids of all documents of ours, tombstones left out."""

    def rebuild(self) -> "Rebuild":
        """Begins a new index beside this one. What is written from now on goes to both."""

    def clear(self) -> None:
        """Throws everything away."""


class Rebuild(Protocol):
    def load(self, documents: Iterable[Document]) -> None:
        """Writes into the new index alone."""

    def finish(self) -> None:
        """Puts the new index in the old one's place, all at once."""

    def abandon(self) -> None:
        """Throws the new index away."""


class Superseded(Exception):
    """Another rebuild has begun since, and thrown this one away."""


def expired() -> Malformed:
    """What a back end raises for a place whose snapshot is gone."""
    return Malformed("cursor: has expired", fields={"cursor": ["has expired: search again"]})


def this_hour() -> int:
    return time.time_ns() // 1_000_000 // _MS_PER_HOUR


def end_of_hour_ms(hour: int) -> int:
    """When ages are reckoned. Not the hour's beginning, after which newer would mean less fresh."""
    return (hour + 1) * _MS_PER_HOUR


def freshness(age_ms: float) -> float:
    """What a score is multiplied by: the same curve as Elasticsearch's `gauss`."""
    scale_ms = FRESHNESS_SCALE / timedelta(milliseconds=1)
    return float(OLD + (1 - OLD) * FRESHNESS_DECAY ** ((age_ms / scale_ms) ** 2))


@cache
def index() -> Index:
    options = dict(settings.SEARCH_INDEX)
    return cast(Index, import_string(options.pop("BACKEND"))(**options))
