"""All metrics, except those that `messaging.backlog` measures at each scrape.

`common.observability.monitor` serves them on the process's monitoring port. Without that port,
nothing is counted and prometheus_client is not imported.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING or settings.MONITOR_LISTEN:
    from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

    # a second series for each metric, with its creation time
    disable_created_metrics()  # type: ignore[no-untyped-call]
else:
    from common.observability.no_metrics import Counter, Gauge, Histogram

_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LAG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

HTTP_REQUESTS = Histogram(
    "microblog_http_request_seconds",
    "Seconds of HTTP requests, by URL pattern",
    ["method", "route", "status"],
    buckets=_QUICK,
)
RPC_CALLS = Histogram(
    "microblog_rpc_client_seconds",
    "Seconds of gRPC calls to other services, with the network",
    ["service", "method", "code"],
    buckets=_QUICK,
)
RPC_ANSWERS = Histogram(
    "microblog_rpc_server_seconds",
    "Seconds of gRPC calls that this server answered",
    ["service", "method", "code"],
    buckets=_QUICK,
)

FRAGMENTS_READ = Counter(
    "microblog_fragments_read_total", "Entries that were read for pages, cached or not"
)
FRAGMENTS_MISSED = Counter(
    "microblog_fragments_missed_total",
    "Tweets or users that were not in the cache",
    ["kind"],
)
FEED_REBUILDS = Histogram(
    "microblog_feed_rebuild_seconds",
    "Seconds of building a timeline from the databases",
    buckets=_QUICK,
)
FANOUT_DELIVERIES = Counter(
    "microblog_fanout_deliveries_total", "Entries that the fan-out pushed to timelines"
)
FANOUT_LAG = Histogram(
    "microblog_fanout_lag_seconds",
    "Seconds from an entry's creation until a slice of its author's followers has it",
    buckets=_LAG,
)
INDEX_LAG = Histogram(
    "microblog_index_lag_seconds",
    "Seconds from a tweet's creation until it is in the index",
    buckets=_LAG,
)

OUTBOX_PUBLISHED = Counter(
    "microblog_outbox_published_total", "Events that the relay marked as published", ["database"]
)
ROWS_PRUNED = Counter("microblog_rows_pruned_total", "Old rows that the relay deleted", ["kind"])
MESSAGES_HANDLED = Counter(
    "microblog_messages_handled_total",
    "Messages that were handled",
    ["queue", "type"],
)
MESSAGES_RETRIED = Counter(
    "microblog_messages_retried_total",
    "Messages that are retried because a dependency was down",
    ["queue"],
)
DEAD_LETTERS = Counter(
    "microblog_dead_letters_total", "Messages that became dead letters", ["queue"]
)
HANDLER_SECONDS = Histogram(
    "microblog_handler_seconds",
    "Seconds of handling a batch of messages of one type",
    ["queue", "type"],
    buckets=_QUICK,
)
LOOP_UP = Gauge(
    "microblog_loop_up",
    "Whether the relay or a queue's worker is up: 0 while it waits for a server",
    ["loop"],
    multiprocess_mode="mostrecent",
)


# Cached, because `labels` takes longer than `observe`.
@lru_cache(4096)
def http_requests(method: str, route: str, status: int) -> Histogram:
    return HTTP_REQUESTS.labels(method, route, status)


@lru_cache(1024)
def rpc_calls(service: str, method: str, code: str) -> Histogram:
    return RPC_CALLS.labels(service, method, code)


@lru_cache(1024)
def rpc_answers(service: str, method: str, code: str) -> Histogram:
    return RPC_ANSWERS.labels(service, method, code)
