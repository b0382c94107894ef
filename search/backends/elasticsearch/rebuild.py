"""Builds a new index beside the one in use."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from elasticsearch import Elasticsearch, NotFoundError

from common.batches import batched
from common.times import format_time
from search.backends.elasticsearch import bulk, documents, sources
from search.backends.elasticsearch.client import BUILDING, NAME, translated
from search.index import TOMBSTONES_KEPT, Document, Superseded


class ElasticsearchRebuild:
    def __init__(self, client: Elasticsearch) -> None:
        self._client = client
        self._name = f"{NAME}-{timezone.now():%Y%m%d-%H%M%S-%f}"
        with translated():
            unfinished = self._client.indices.get_alias(index=BUILDING, ignore_unavailable=True)
            if unfinished:
                self._client.indices.delete(index=list(unfinished))
            self._client.indices.create(index=self._name, aliases={BUILDING: {}})

    def load(self, documents: Iterable[Document]) -> None:
        with translated():
            for batch in batched(documents, bulk.BULK):
                if not bulk.write(self._client, [BUILDING], batch):
                    raise Superseded

    def finish(self) -> None:
        with translated():
            self._copy_tombstones()
            try:
                self._client.indices.refresh(index=self._name)
                self._swap()
            except NotFoundError:
                raise Superseded from None

    def abandon(self) -> None:
        with translated():
            self._client.indices.delete(index=self._name, ignore_unavailable=True)

    def _swap(self) -> None:
        """Fails if another rebuild has taken the alias `BUILDING`."""
        old = self._client.indices.get_alias(index=NAME, ignore_unavailable=True)
        self._client.indices.update_aliases(
            actions=[
                {"remove": {"index": self._name, "alias": BUILDING, "must_exist": True}},
                *({"remove_index": {"index": name}} for name in old),
                {"add": {"index": self._name, "alias": NAME}},
            ]
        )

    def _copy_tombstones(self) -> None:
        oldest = format_time(timezone.now() - TOMBSTONES_KEPT)
        recent = {"range": {"deleted_at": {"gte": oldest}}}
        self._client.indices.refresh(index=NAME, ignore_unavailable=True)
        for batch in batched(sources.scan(self._client, NAME, recent), bulk.BULK):
            ids = [int(source["id"]) for source in batch]
            loaded = sources.fetch(self._client, BUILDING, ids)
            tombstones = [source for source in batch if not _is_loaded(source, loaded)]
            if not bulk.copy_tombstones(self._client, BUILDING, tombstones):
                raise Superseded


def _is_loaded(tombstone: dict[str, Any], loaded: dict[int, dict[str, Any]]) -> bool:
    return documents.is_indexed(loaded.get(int(tombstone["id"]), {}))
