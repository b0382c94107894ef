"""Reads documents by id, and all documents that match a filter."""

from collections.abc import Collection, Iterator
from typing import Any

from elasticsearch import Elasticsearch, NotFoundError

from search.backends.elasticsearch.bulk import BULK
from search.backends.elasticsearch.client import KEEP_ALIVE, translated


def fetch(client: Elasticsearch, name: str, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The sources of the documents that exist, by id. Needs no refresh."""
    if not ids:
        return {}
    with translated():
        try:
            answer = client.mget(index=name, ids=list(map(str, ids)))
        except NotFoundError:  # no index
            return {}
        return {int(doc["_id"]): doc["_source"] for doc in answer["docs"] if doc.get("found")}


def scan(client: Elasticsearch, name: str, matching: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The sources of all documents that match, from a snapshot."""
    with translated():
        pit = client.open_point_in_time(index=name, keep_alive=KEEP_ALIVE, ignore_unavailable=True)[
            "id"
        ]
        after: list[Any] | None = None
        while True:
            answer = client.search(
                pit={"id": pit, "keep_alive": KEEP_ALIVE},
                query={"bool": {"filter": [matching]}},
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
