"""One page of hits."""

import time
from collections.abc import Callable
from dataclasses import replace
from http.client import TOO_MANY_REQUESTS
from typing import Any, TypeVar
from zlib import crc32

from elasticsearch import ApiError, Elasticsearch

from search.backends.elasticsearch.client import KEEP_ALIVE, NAME
from search.backends.elasticsearch.query import render
from search.index import WINDOW, Found, Hit, Position, expired
from search.query import Query

T = TypeVar("T")

# Other programs' documents may have any other fields, of any size.
SHOWN = ["id", "user_id", "content", "created_at"]

# A new index has no shard for some 100 ms.
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4)
_NO_SHARD = "search_phase_execution_exception"


def find_hits(client: Elasticsearch, query: Query, position: Position, limit: int) -> Found:
    request: dict[str, Any] = {
        "query": render(query, position),
        "sort": [
            {"_score": "desc"},
            {"created_at": {"order": "desc", "unmapped_type": "date"}},
            {"id": {"order": "desc", "unmapped_type": "keyword"}},
        ],
        "size": min(limit + 1, WINDOW - position.offset),
        "source_includes": SHOWN,
        "track_total_hits": WINDOW,
        "filter_path": (
            "pit_id,hits.total.value,"
            "hits.hits._id,hits.hits._score,hits.hits._source,hits.hits.sort"
        ),
    }
    if position.after:
        request["search_after"] = position.after
    else:
        request["from_"] = position.offset
    if position.seen:
        pit = position.snapshot or _open_snapshot(client, query)
        request["pit"] = {"id": pit, "keep_alive": KEEP_ALIVE}
    else:
        request |= {"index": NAME, "ignore_unavailable": True, "preference": _preference(query)}
    try:
        answer = client.search(**request).body
    except ApiError as error:
        # Elasticsearch answers 503 if a rebuild has replaced the snapshot's index.
        if not position.snapshot or error.status_code == TOO_MANY_REQUESTS:
            raise
        raise expired() from None
    return _read_page(answer, position, limit)


def retry_until_started(search: Callable[[], T]) -> T:
    """Retries while the index has no started shard, because it has just been created or deleted."""
    for pause in _PAUSES_SECONDS:
        try:
            return search()
        except ApiError as error:
            if error.error != _NO_SHARD or error.status_code == TOO_MANY_REQUESTS:
                raise
        time.sleep(pause)
    return search()


def _open_snapshot(client: Elasticsearch, query: Query) -> str:
    pit = client.open_point_in_time(
        index=NAME, keep_alive=KEEP_ALIVE, ignore_unavailable=True, preference=_preference(query)
    )
    return str(pit["id"])


def _preference(query: Query) -> str:
    """Sends a query to the same replica each time, because replicas score differently."""
    return f"{crc32(repr(query).encode()):08x}"


def _read_page(answer: dict[str, Any], position: Position, limit: int) -> Found:
    found = answer.get("hits", {})
    rows = found.get("hits", [])
    total = min(found.get("total", {}).get("value", 0) + len(position.seen), WINDOW)
    hits = [
        Hit(key=row["_id"], source=row.get("_source", {}), score=row["_score"])
        for row in rows[:limit]
    ]
    # The window's last page can't ask for one hit more than its limit.
    fills_window = position.offset + limit == WINDOW == total and len(rows) == limit
    if len(rows) <= limit and not fills_window:
        return Found(hits=hits, total=total)
    if position.seen:
        after = tuple(rows[limit - 1]["sort"])
        next = replace(position, snapshot=answer["pit_id"], after=after)
    else:
        next = replace(position, seen=tuple(hit.key for hit in hits))
    return Found(hits=hits, total=total, next=next)
