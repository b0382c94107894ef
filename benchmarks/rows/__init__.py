"""The rows, in the order of docs/performance.md."""

from collections.abc import Sequence

from benchmarks.harness import Row
from benchmarks.rows import (
    consumer,
    delivery,
    fanout,
    feed,
    feed_grpc,
    indexing,
    likes,
    memory,
    mixed,
    post,
    pull,
    rebuild,
    relay,
    search,
    searchable,
    services,
    slices,
    worker,
)

ROWS: Sequence[Row] = [
    feed.ROW,
    feed_grpc.ROW,
    fanout.ROW,
    worker.ROW,
    mixed.ROW,
    *slices.ROWS,
    memory.ROW,
    rebuild.ROW,
    *pull.ROWS,
    post.ROW,
    likes.ROW,
    relay.ROW,
    consumer.ROW,
    search.ROW,
    indexing.ROW,
    delivery.ROW,
    searchable.ROW,
    services.ROW,
]
