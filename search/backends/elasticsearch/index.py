"""The index in use, and writes to it. During a rebuild, every write goes to both indexes."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from elasticsearch import ApiError, Elasticsearch
from elasticsearch.dsl import connections

from common.batches import batched
from common.errors import Unavailable
from common.http.pagination import Page
from common.ids import parse_id
from search.backends.elasticsearch import bulk, documents, sources
from search.backends.elasticsearch.client import BREAKER, BUILDING, NAME, translated
from search.backends.elasticsearch.hits import find_hits, retry_until_started
from search.backends.elasticsearch.rebuild import ElasticsearchRebuild
from search.index import Document, Entry, Found, Position
from search.query import Query

_BACKGROUND_TIMEOUT_SECONDS = 30
# Attempts of a write that the end of a rebuild interrupts.
_ATTEMPTS = 5


class ElasticsearchIndex:
    def __init__(self, connection: str = "default") -> None:
        self._connection = connection
        self._is_prepared = False

    @property
    def client(self) -> Elasticsearch:
        """Created on first use, which is after any fork, and kept with its connections."""
        client: Elasticsearch = connections.get_connection(self._connection)
        return client

    @property
    def background_client(self) -> Elasticsearch:
        """With a longer timeout, for work that no request waits for."""
        return self.client.options(request_timeout=_BACKGROUND_TIMEOUT_SECONDS)

    def prepare(self) -> None:
        with translated():
            self._prepare(self.background_client)

    def write(self, entries: Iterable[Entry]) -> None:
        with translated():
            for batch in batched(entries, bulk.BULK):
                self._write(batch)

    def search(self, query: Query, *, position: Position, limit: int) -> Found:
        if not query:
            return Found()
        with translated(), BREAKER.guard():
            if not self._is_prepared:
                self._prepare(self.client)
            return retry_until_started(lambda: find_hits(self.client, query, position, limit))

    def find_by_author(
        self, user_id: int, *, after_id: int | None = None, limit: int
    ) -> Page[Document]:
        """In the order of the ids as strings."""
        names = [NAME, BUILDING]
        with translated():
            self.background_client.indices.refresh(index=names, ignore_unavailable=True)
            answer = self.background_client.search(
                index=names,
                ignore_unavailable=True,
                query={"bool": {"filter": [{"term": {"user_id": str(user_id)}}]}},
                sort=[{"id": {"order": "asc", "unmapped_type": "keyword"}}],
                size=limit,
                search_after=None if after_id is None else [str(after_id)],
                track_total_hits=False,
            )
        hits = answer["hits"]["hits"]
        found = [document for hit in hits if (document := documents.from_source(hit["_source"]))]
        return Page(found, found[-1].id if found and len(hits) == limit else None)

    def differences(self, expected: Iterable[Document]) -> dict[int, str]:
        found: dict[int, str] = {}
        for batch in batched(expected, bulk.BULK):
            indexed = sources.fetch(self.background_client, NAME, [entry.id for entry in batch])
            for document in batch:
                if problem := documents.compare(document, indexed.get(document.id)):
                    found[document.id] = problem
        return found

    def find_indexed(self, ids: Collection[int]) -> set[int]:
        found = sources.fetch(self.background_client, NAME, ids)
        return {id for id, source in found.items() if documents.is_indexed(source)}

    def iter_ids(self) -> Iterator[int]:
        with translated():
            self.background_client.indices.refresh(index=NAME, ignore_unavailable=True)
        ours = {"exists": {"field": "hidden"}}
        tombstones = {"exists": {"field": "deleted_at"}}
        matching = {"bool": {"filter": ours, "must_not": tombstones}}
        for source in sources.scan(self.background_client, NAME, matching):
            id = parse_id(str(source.get("id")))
            if id is not None:
                yield id

    def rebuild(self) -> ElasticsearchRebuild:
        self.prepare()
        return ElasticsearchRebuild(self.background_client)

    def clear(self) -> None:
        with translated():
            indices = self.background_client.indices
            found = indices.get_alias(index=f"{NAME},{NAME}-*", ignore_unavailable=True)
            if names := list(found):
                indices.delete(index=names, ignore_unavailable=True)

    def targets(self) -> list[str]:
        """The names that writes go to. Creates the index if it doesn't exist."""
        found = self.client.indices.get_alias(index=[NAME, BUILDING], ignore_unavailable=True)
        names = {name for index in found for name in (index, *found[index]["aliases"])}
        if NAME not in names:
            self._create()
        return [NAME, BUILDING] if BUILDING in names else [NAME]

    def _prepare(self, client: Elasticsearch) -> None:
        client.indices.put_index_template(name=NAME, **documents.template())
        self._is_prepared = True

    def _write(self, entries: Sequence[Entry]) -> None:
        """Tries again if a rebuild ends between the look-up of the targets and the write."""
        for _ in range(_ATTEMPTS):
            if bulk.write(self.background_client, self.targets(), entries):
                return
        raise Unavailable("the search index is being replaced")

    def _create(self) -> None:
        self.prepare()
        try:
            self.background_client.indices.create(index=NAME)
        except ApiError as error:
            if error.error != "resource_already_exists_exception":
                raise
