"""The index in Elasticsearch.

`tweets`, unless settings name it otherwise, is a concrete index at first and an alias after the
first rebuild. While a rebuild runs, the new index carries the alias `tweets-building`, and every
write goes to both.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.client import TOO_MANY_REQUESTS
from typing import Any
from zlib import crc32

from django.conf import settings
from django.utils import timezone
from elasticsearch import ApiError, ConnectionTimeout, Elasticsearch, NotFoundError, TransportError
from elasticsearch.dsl import connections

from common.batches import batched
from common.breakers import Breaker
from common.errors import Unavailable
from common.http.pagination import Page
from common.ids import parse_id
from common.times import format_time
from search import documents
from search.backends.elasticsearch_query import render
from search.index import (
    DELETED,
    TOMBSTONES_KEPT,
    WINDOW,
    Document,
    Entry,
    Found,
    Hit,
    Place,
    Superseded,
    expired,
)
from search.query import Query

NAME: str = settings.ELASTICSEARCH_INDEX
BUILDING = f"{NAME}-building"

# Entries in one request: some 500 kB.
BULK = 500

# How long a snapshot is kept for the next page.
_KEEP_ALIVE = "2m"
_PATIENCE_SECONDS = 30
# What of a document is asked for: others may have put anything into theirs.
SHOWN = ["id", "user_id", "content", "created_at"]
_RETRIES = 5
# How long to wait for a shard that is being started, from try to try. It takes 100 ms or so.
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4)
_POISON = {"document_parsing_exception", "mapper_parsing_exception"}
_GONE = {"index_not_found_exception"}
_NO_SHARD = "search_phase_execution_exception"

# For those who wait. A worker has its own growing pauses.
BREAKER = Breaker("the search index", lambda kind, _: issubclass(kind, ConnectionTimeout))

log = logging.getLogger(__name__)


class ElasticsearchIndex:
    def __init__(self, connection: str = "default") -> None:
        self._connection = connection
        self._is_prepared = False

    @property
    def client(self) -> Elasticsearch:
        """Kept, with its connections, and built after any fork."""
        client: Elasticsearch = connections.get_connection(self._connection)
        return client

    @property
    def patient_client(self) -> Elasticsearch:
        """For what no reader waits for."""
        return self.client.options(request_timeout=_PATIENCE_SECONDS)

    def prepare(self) -> None:
        with _translated():
            self._prepare(self.patient_client)

    def write(self, entries: Iterable[Entry]) -> None:
        with _translated():
            for batch in batched(entries, BULK):
                self._write(batch)

    def search(self, query: Query, *, place: Place, limit: int) -> Found:
        if not query:
            return Found()
        with _translated(), BREAKER.guard():
            if not self._is_prepared:
                self._prepare(self.client)
            return _once_started(lambda: self._search(query, place, limit))

    def find_by_author(
        self, user_id: int, *, after_id: int | None = None, limit: int
    ) -> Page[Document]:
        """In the order of the ids as texts."""
        names = [NAME, BUILDING]
        with _translated():
            self.patient_client.indices.refresh(index=names, ignore_unavailable=True)
            answer = self.patient_client.search(
                index=names,
                ignore_unavailable=True,
                query={"bool": {"filter": [{"term": {"user_id": str(user_id)}}]}},
                sort=[{"id": {"order": "asc", "unmapped_type": "keyword"}}],
                size=limit,
                search_after=None if after_id is None else [str(after_id)],
                track_total_hits=False,
            )
        hits = answer["hits"]["hits"]
        found = [document for hit in hits if (document := documents.read(hit["_source"]))]
        return Page(found, found[-1].id if found and len(hits) == limit else None)

    def differences(self, expected: Iterable[Document]) -> dict[int, str]:
        found: dict[int, str] = {}
        for batch in batched(expected, BULK):
            sources = self._fetch(NAME, [document.id for document in batch])
            for document in batch:
                if wrong := documents.compare(document, sources.get(document.id)):
                    found[document.id] = wrong
        return found

    def find_indexed(self, ids: Collection[int]) -> set[int]:
        sources = self._fetch(NAME, ids)
        return {id for id, source in sources.items() if documents.is_indexed(source)}

    def iter_ids(self) -> Iterator[int]:
        with _translated():
            self.patient_client.indices.refresh(index=NAME, ignore_unavailable=True)
        ours = {"exists": {"field": "hidden"}}
        tombstones = {"exists": {"field": "deleted_at"}}
        for source in self._scan([NAME], {"bool": {"filter": ours, "must_not": tombstones}}):
            id = parse_id(str(source.get("id")))
            if id is not None:
                yield id

    def rebuild(self) -> "ElasticsearchRebuild":
        self.prepare()
        return ElasticsearchRebuild(self)

    def clear(self) -> None:
        with _translated():
            indices = self.patient_client.indices
            found = indices.get_alias(index=f"{NAME},{NAME}-*", ignore_unavailable=True)
            if names := list(found):
                indices.delete(index=names, ignore_unavailable=True)

    def _prepare(self, client: Elasticsearch) -> None:
        client.indices.put_index_template(name=NAME, **documents.template())
        self._is_prepared = True

    def _fetch(self, name: str, ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """The sources under those ids, refreshed or not."""
        if not ids:
            return {}
        with _translated():
            try:
                answer = self.patient_client.mget(index=name, ids=list(map(str, ids)))
            except NotFoundError:  # no index
                return {}
            return {int(doc["_id"]): doc["_source"] for doc in answer["docs"] if doc.get("found")}

    def _write(self, entries: Sequence[Entry]) -> None:
        """Into what goes by the two names; once more when a rebuild ends meanwhile."""
        for _ in range(_RETRIES):
            if bulk(self.patient_client, self._targets(), entries):
                return
        raise Unavailable("the search index is being replaced")

    def _targets(self) -> list[str]:
        found = self.client.indices.get_alias(index=[NAME, BUILDING], ignore_unavailable=True)
        names = {name for index in found for name in (index, *found[index]["aliases"])}
        if NAME not in names:
            self._create()
        return [NAME, BUILDING] if BUILDING in names else [NAME]

    def _create(self) -> None:
        self.prepare()
        try:
            self.patient_client.indices.create(index=NAME)
        except ApiError as error:
            if error.error != "resource_already_exists_exception":
                raise

    def _search(self, query: Query, place: Place, limit: int) -> Found:
        size = min(limit + 1, WINDOW - place.offset)
        request: dict[str, Any] = {
            "query": render(query, place),
            "sort": [
                {"_score": "desc"},
                {"created_at": {"order": "desc", "unmapped_type": "date"}},
                {"id": {"order": "desc", "unmapped_type": "keyword"}},
            ],
            "size": size,
            "source_includes": SHOWN,
            "track_total_hits": WINDOW,
            "filter_path": (
                "pit_id,hits.total.value,"
                "hits.hits._id,hits.hits._score,hits.hits._source,hits.hits.sort"
            ),
        }
        if place.after:
            request["search_after"] = place.after
        else:
            request["from_"] = place.offset
        if place.seen:
            pit = place.snapshot or self._snapshot(query)
            request["pit"] = {"id": pit, "keep_alive": _KEEP_ALIVE}
        else:
            request |= {"index": NAME, "ignore_unavailable": True, "preference": _copy(query)}
        try:
            answer = self.client.search(**request).body
        except ApiError as error:
            # Of a snapshot whose index a rebuild has replaced it says 503, as if it were down.
            if not place.snapshot or error.status_code == TOO_MANY_REQUESTS:
                raise
            raise expired() from None
        return _read_page(answer, place, limit)

    def _snapshot(self, query: Query) -> str:
        pit = self.client.open_point_in_time(
            index=NAME, keep_alive=_KEEP_ALIVE, ignore_unavailable=True, preference=_copy(query)
        )
        return str(pit["id"])

    def _scan(self, names: Sequence[str], query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The sources of all that matches, as they are now."""
        with _translated():
            client = self.patient_client
            pit = client.open_point_in_time(
                index=names, keep_alive=_KEEP_ALIVE, ignore_unavailable=True
            )["id"]
            after: list[Any] | None = None
            while True:
                answer = client.search(
                    pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                    query={"bool": {"filter": [query]}},
                    sort=["_shard_doc"],
                    size=BULK,
                    search_after=after,
                    track_total_hits=False,
                )
                hits = answer["hits"]["hits"]
                yield from (hit["_source"] for hit in hits)
                if len(hits) < BULK:
                    break
                pit, after = answer["pit_id"], hits[-1]["sort"]
            client.close_point_in_time(id=pit)


class ElasticsearchRebuild:
    """Begins by taking away what a rebuild that was killed has left."""

    def __init__(self, index: ElasticsearchIndex) -> None:
        self._index = index
        self._client = index.patient_client
        self._name = f"{NAME}-{timezone.now():%Y%m%d-%H%M%S-%f}"
        with _translated():
            left = self._client.indices.get_alias(index=BUILDING, ignore_unavailable=True)
            if left:
                self._client.indices.delete(index=list(left))
            self._client.indices.create(index=self._name, aliases={BUILDING: {}})

    def load(self, documents: Iterable[Document]) -> None:
        with _translated():
            for batch in batched(documents, BULK):
                if not bulk(self._client, [BUILDING], batch):
                    raise Superseded

    def finish(self) -> None:
        with _translated():
            self._take_tombstones()
            try:
                self._client.indices.refresh(index=self._name)
                self._swap()
            except NotFoundError:
                raise Superseded from None

    def abandon(self) -> None:
        with _translated():
            self._client.indices.delete(index=self._name, ignore_unavailable=True)

    def _swap(self) -> None:
        """All at once, and only if this is still what is being built."""
        old = self._client.indices.get_alias(index=NAME, ignore_unavailable=True)
        self._client.indices.update_aliases(
            actions=[
                {"remove": {"index": self._name, "alias": BUILDING, "must_exist": True}},
                *({"remove_index": {"index": name}} for name in old),
                {"add": {"index": self._name, "alias": NAME}},
            ]
        )

    def _take_tombstones(self) -> None:
        """The recent ones: their tweets' `tweet.created` may still be on its way.

        Not those of tweets that were loaded, so exist after all: the database was set back.
        """
        recent = {"range": {"deleted_at": {"gte": format_time(timezone.now() - TOMBSTONES_KEPT)}}}
        self._client.indices.refresh(index=NAME, ignore_unavailable=True)
        for batch in batched(self._index._scan([NAME], recent), BULK):
            operations: list[Any] = []
            loaded = self._index._fetch(BUILDING, [int(source["id"]) for source in batch])
            for source in batch:
                if documents.is_indexed(loaded.get(int(source["id"]), {})):
                    continue
                operations += [_action(BUILDING, source["id"], DELETED), source]
            if operations and not _send(self._client, operations):
                raise Superseded


def _once_started(search: Callable[[], Found]) -> Found:
    """An index that someone creates or deletes just now can't be searched for a moment."""
    for pause in _PAUSES_SECONDS:
        try:
            return search()
        except ApiError as error:
            if error.error != _NO_SHARD or error.status_code == TOO_MANY_REQUESTS:
                raise
        time.sleep(pause)
    return search()


def _copy(query: Query) -> str:
    """Sends a query to the same copy of the index each time: copies reckon scores differently."""
    return f"{crc32(repr(query).encode()):08x}"


def bulk(client: Elasticsearch, targets: Sequence[str], entries: Sequence[Entry]) -> bool:
    """Writes by external version. False when a target's alias is gone: some may be unwritten."""
    operations: list[Any] = []
    for entry in entries:
        version, source = documents.show(entry)
        for target in targets:
            operations += [_action(target, source["id"], version), source]
    return _send(client, operations)


def _send(client: Elasticsearch, operations: list[Any]) -> bool:
    answer = client.bulk(
        operations=operations,
        filter_path="items.*.status,items.*.error.type,items.*.error.reason",
    ).body
    failed = [(item["index"]["status"], item["index"].get("error", {})) for item in answer["items"]]
    failed = [(status, error) for status, error in failed if status >= 300 and status != 409]
    if not failed:
        return True
    types = {error.get("type") for _, error in failed}
    if types <= _GONE:
        return False
    status, error = failed[0]
    reason = f"{status} {error.get('type')}: {error.get('reason')}"
    if types <= _POISON:
        raise ValueError(f"refused by the search index: {reason}")
    log.warning("%d writes refused by Elasticsearch, the first: %s", len(failed), reason)
    raise Unavailable("the search index takes no writes")


def _action(target: str, key: str, version: int) -> dict[str, Any]:
    return {
        "index": {
            "_index": target,
            "_id": key,
            "version": version,
            "version_type": "external",
            "require_alias": target == BUILDING,
        }
    }


def _read_page(answer: dict[str, Any], place: Place, limit: int) -> Found:
    found = answer.get("hits", {})
    rows = found.get("hits", [])
    total = min(found.get("total", {}).get("value", 0) + len(place.seen), WINDOW)
    hits = [
        Hit(key=row["_id"], source=row.get("_source", {}), score=row["_score"])
        for row in rows[:limit]
    ]
    at_the_edge = place.offset + limit == WINDOW == total
    if len(rows) <= limit and not (at_the_edge and len(rows) == limit):
        return Found(hits=hits, total=total)
    if not place.seen:
        return Found(hits=hits, total=total, next=replace(place, seen=tuple(h.key for h in hits)))
    after = tuple(rows[limit - 1]["sort"])
    return Found(
        hits=hits, total=total, next=replace(place, snapshot=answer["pit_id"], after=after)
    )


@contextmanager
def _translated() -> Iterator[None]:
    """What the client raises, by meaning: an index that refuses a request can't be used, either."""
    try:
        yield
    except TransportError as error:
        raise Unavailable("the search index is down") from error
    except ApiError as error:
        log.warning("Elasticsearch refuses: %s %s", error.status_code, error.error)
        raise Unavailable("the search index can't be used now") from error
