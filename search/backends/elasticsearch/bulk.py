"""Bulk writes by external version."""

import logging
from collections.abc import Iterable, Sequence
from http.client import CONFLICT
from typing import Any

from elasticsearch import Elasticsearch

from common.errors import Unavailable
from search.backends.elasticsearch import documents
from search.backends.elasticsearch.client import BUILDING
from search.index import DELETED, Entry

# Entries in one request, some 500 kB.
BULK = 500

_POISON = {"document_parsing_exception", "mapper_parsing_exception"}
_GONE = {"index_not_found_exception"}

log = logging.getLogger(__name__)


def write(client: Elasticsearch, targets: Sequence[str], entries: Iterable[Entry]) -> bool:
    """Writes each entry to all targets. Entries with an older version are left out.

    Returns False if a target does not exist any more: some entries may not be written.
    Raises `ValueError` if Elasticsearch can't index an entry.
    """
    operations: list[Any] = []
    for entry in entries:
        version, source = documents.to_source(entry)
        for target in targets:
            operations += [_action(target, source["id"], version), source]
    return _send(client, operations)


def copy_tombstones(client: Elasticsearch, target: str, sources: Iterable[dict[str, Any]]) -> bool:
    """As `write`, for tombstones that were read from another index."""
    operations: list[Any] = []
    for source in sources:
        operations += [_action(target, source["id"], DELETED), source]
    return not operations or _send(client, operations)


def _send(client: Elasticsearch, operations: list[Any]) -> bool:
    answer = client.bulk(
        operations=operations,
        filter_path="items.*.status,items.*.error.type,items.*.error.reason",
    ).body
    results = [
        (item["index"]["status"], item["index"].get("error", {})) for item in answer["items"]
    ]
    failed = [(status, error) for status, error in results if status >= 300 and status != CONFLICT]
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
